// Where a config file sets options, so that whatever is wrong with one is said with its line.
#ifndef KVSIFT_SERVER_OPTION_PLACES_H_
#define KVSIFT_SERVER_OPTION_PLACES_H_

#include <string>
#include <vector>

namespace kvsift {

class OptionPlaces {
 public:
  // The line `where` (FILE:LINE) sets `option`, without dashes, to `value`, and no other place
  // overrides it.
  void Add(std::string option, std::string value, std::string where);

  // `message` with the line before it: "FILE:LINE: --OPTION: ..." for one that begins with
  // "--OPTION: "; of several lines that set the option, the last whose value follows, else the
  // last. A message of an option that is set elsewhere, or of none, stays as it is.
  std::string Locate(const std::string& message) const;

 private:
  struct Place {
    std::string option;
    std::string value;
    std::string where;
  };

  std::vector<Place> places_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_OPTION_PLACES_H_
