// Reads what a Prometheus server would read, and checks it against Prometheus' conventions.
#ifndef KVSIFT_TESTS_RPC_PROMETHEUS_TEXT_H_
#define KVSIFT_TESTS_RPC_PROMETHEUS_TEXT_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace kvsift {

// A page in the text format, version 0.0.4.
class PrometheusText {
 public:
  explicit PrometheusText(const std::string& text);

  // The value of a series such as `name` or `name{a="1",b="2"}`, labels in the order of their
  // names; a test failure and NaN if there is none.
  double Value(const std::string& series) const;
  bool Has(const std::string& series) const { return values_.count(series) > 0; }

  // The sum over all series of that name.
  double Sum(const std::string& name) const;
  // How many series have that name.
  int Count(const std::string& name) const;

  // What is wrong, one line each: with the format; names that are not lower case, of unknown
  // origin or not in base units; counters without _total and others with it; families without
  // HELP or TYPE; histograms whose buckets do not add up.
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  struct Sample {
    std::string name;
    std::map<std::string, std::string> labels;
    double value = 0;
  };
  struct Family {
    std::string help;
    std::string type;
    std::vector<Sample> samples;
  };

  void ReadComment(const std::string& line);
  void ReadSample(const std::string& line);
  void Problem(const std::string& where, const std::string& what);
  // The family that a sample of that name belongs to, or null.
  Family* FamilyOf(const std::string& sample_name);
  void CheckFamily(const std::string& name, const Family& family);
  void CheckHistogram(const std::string& name, const Family& family);

  std::map<std::string, Family> families_;
  std::map<std::string, double> values_;
  std::vector<std::string> problems_;
};

}  // namespace kvsift

#endif  // KVSIFT_TESTS_RPC_PROMETHEUS_TEXT_H_
