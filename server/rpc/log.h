// Structured log lines on standard error; the only place that knows the logging library.
#ifndef KVSIFT_SERVER_RPC_LOG_H_
#define KVSIFT_SERVER_RPC_LOG_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kvsift {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError, kOff };

enum class LogFormat : uint8_t {
  kText,  // time, level, event, key=value ...
  kJson,  // one object a line
};

struct LogField {
  std::string_view key;
  std::variant<int64_t, std::string_view> value;
};

// Thread-safe.
class Logger {
 public:
  Logger(LogLevel level, LogFormat format);
  ~Logger();

  // Writes one line if `level` is at least that of the logger. `event` is a fixed phrase; what
  // varies goes into `fields`.
  void Log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});
  void Log(LogLevel level, std::string_view event, const std::vector<LogField>& fields);

  // True if lines of `level` are written.
  bool Writes(LogLevel level) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kvsift

#endif  // KVSIFT_SERVER_RPC_LOG_H_
