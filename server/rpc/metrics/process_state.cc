#include "server/rpc/metrics/process_state.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>

#include "server/rpc/metrics/scraped_family.h"

namespace kvsift {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

// Times since the boot of the machine, in clock ticks.
struct ProcessTimes {
  double cpu_ticks = 0;
  double start_ticks = 0;
};

// Fields of /proc/self/stat as proc(5) numbers them; those before kFirstField hold the program's
// name, which may have spaces and parentheses.
constexpr int kFirstField = 3;
constexpr int kUserTimeField = 14;
constexpr int kSystemTimeField = 15;
constexpr int kStartTimeField = 22;

std::optional<ProcessTimes> ReadTimes() {
  std::ifstream file("/proc/self/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  ProcessTimes times;
  std::string field;
  for (int number = kFirstField; number <= kStartTimeField; ++number) {
    if (!(fields >> field)) return std::nullopt;
    const bool is_cpu = number == kUserTimeField || number == kSystemTimeField;
    if (is_cpu) times.cpu_ticks += std::stod(field);
    if (number == kStartTimeField) times.start_ticks = std::stod(field);
  }
  return times;
}

// When the machine was booted, in seconds since the epoch.
std::optional<double> ReadBootTime() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string key;
    double seconds = 0;
    if (fields >> key >> seconds && key == "btime") return seconds;
  }
  return std::nullopt;
}

std::optional<int64_t> CountOpenFiles() {
  std::error_code error;
  std::filesystem::directory_iterator entry("/proc/self/fd", error);
  int64_t count = -1;  // the iterator's own is among them
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) ++count;
  if (error) return std::nullopt;
  return count;
}

void AddOne(std::vector<MetricFamily>& families, MetricType type, const char* name,
            const char* help, double value) {
  families.push_back(ScrapedFamily(type, name, help));
  AddValue(families.back(), value);
}

void AddTimes(std::vector<MetricFamily>& families) {
  const auto times = ReadTimes();
  if (!times.has_value()) return;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  AddOne(families, MetricType::Counter, "process_cpu_seconds_total",
         "Processor time of the process, user and system.", times->cpu_ticks / ticks);
  const auto boot = ReadBootTime();
  if (!boot.has_value()) return;
  AddOne(families, MetricType::Gauge, "process_start_time_seconds",
         "When the process began, in seconds since the epoch.", *boot + times->start_ticks / ticks);
}

void AddMemory(std::vector<MetricFamily>& families) {
  std::ifstream file("/proc/self/statm");
  double virtual_pages = 0;
  double resident_pages = 0;
  if (!(file >> virtual_pages >> resident_pages)) return;
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  AddOne(families, MetricType::Gauge, "process_virtual_memory_bytes",
         "Address space of the process.", virtual_pages * page);
  AddOne(families, MetricType::Gauge, "process_resident_memory_bytes",
         "Memory that the process holds of the machine's, without that of GPUs.",
         resident_pages * page);
}

void AddFiles(std::vector<MetricFamily>& families) {
  if (const auto open = CountOpenFiles()) {
    AddOne(families, MetricType::Gauge, "process_open_fds", "Open file descriptors.",
           static_cast<double>(*open));
  }
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  AddOne(families, MetricType::Gauge, "process_max_fds", "Most file descriptors.",
         static_cast<double>(limit.rlim_cur));
}

}  // namespace

std::vector<MetricFamily> ProcessState::Collect() const {
  std::vector<MetricFamily> families;
  AddTimes(families);
  AddMemory(families);
  AddFiles(families);
  return families;
}

}  // namespace kvsift
