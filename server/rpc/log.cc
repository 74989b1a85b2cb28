#include "server/rpc/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <span>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace kvsift {
namespace {

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

// Values with spaces, quotes or control characters are quoted and escaped.
std::string TextValue(const LogField& field) {
  if (const auto* number = std::get_if<int64_t>(&field.value)) return std::to_string(*number);
  const auto text = std::get<std::string_view>(field.value);
  const std::string escaped = absl::CHexEscape({text.data(), text.size()});
  const bool is_plain =
      escaped.size() == text.size() && !text.empty() && text.find(' ') == std::string_view::npos;
  return is_plain ? escaped : absl::StrCat("\"", escaped, "\"");
}

std::string TextLine(std::string_view event, std::span<const LogField> fields) {
  std::string line(event);
  for (const LogField& field : fields) {
    absl::StrAppend(&line, " ", std::string(field.key), "=", TextValue(field));
  }
  return line;
}

// The members that follow time and level, without the braces.
std::string JsonMembers(std::string_view event, std::span<const LogField> fields) {
  nlohmann::ordered_json members;
  members["event"] = event;
  for (const LogField& field : fields) {
    std::visit([&](const auto& value) { members[std::string(field.key)] = value; }, field.value);
  }
  const std::string text =
      members.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return text.substr(1, text.size() - 2);
}

}  // namespace

class Logger::Impl {
 public:
  Impl(LogLevel level, LogFormat format)
      : format_(format), logger_("kvsift", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger_.set_level(SpdlogLevel(level));
    logger_.flush_on(spdlog::level::debug);
    logger_.set_pattern(format == LogFormat::kJson
                            ? R"({"time":"%Y-%m-%dT%H:%M:%S.%f%z","level":"%l",%v})"
                            : "%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  }

  void Log(LogLevel level, std::string_view event, std::span<const LogField> fields) {
    const auto spdlog_level = SpdlogLevel(level);
    if (!logger_.should_log(spdlog_level)) return;
    const bool is_json = format_ == LogFormat::kJson;
    logger_.log(spdlog_level, is_json ? JsonMembers(event, fields) : TextLine(event, fields));
  }

  bool Writes(LogLevel level) const { return logger_.should_log(SpdlogLevel(level)); }

 private:
  const LogFormat format_;
  spdlog::logger logger_;
};

Logger::Logger(LogLevel level, LogFormat format) : impl_(std::make_unique<Impl>(level, format)) {}

Logger::~Logger() = default;

void Logger::Log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  impl_->Log(level, event, {fields.begin(), fields.size()});
}

void Logger::Log(LogLevel level, std::string_view event, const std::vector<LogField>& fields) {
  impl_->Log(level, event, fields);
}

bool Logger::Writes(LogLevel level) const { return impl_->Writes(level); }

}  // namespace kvsift
