#include "server/program.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <iostream>
#include <random>
#include <thread>
#include <utility>
#include <variant>

#include "absl/synchronization/mutex.h"
#include "google/protobuf/stubs/logging.h"
#include "server/options.h"
#include "server/rpc/log.h"
#include "server/rpc/version.h"

namespace kvsift {
namespace {

// Sent by the server to its own process when a device has failed.
constexpr int kFailureSignal = SIGUSR1;

// Blocks the signals that end the server in this thread and those it starts.
sigset_t BlockEndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, kFailureSignal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// Waits for a signal from outside or for a failure.
void WaitForEnd(const sigset_t& signals, const Server& server) {
  int received = kFailureSignal;
  while (received == kFailureSignal && server.failure().ok()) sigwait(&signals, &received);
}

// From now on a signal from outside ends the server at once.
void EndAtOnceOnSignals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { _exit(kExitRunFailed); };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

uint64_t RandomIncarnation() {
  std::random_device random;
  const uint64_t value = (uint64_t{random()} << 32) | random();
  return value == 0 ? 1 : value;
}

int Run(ProgramOptions options) {
  const sigset_t signals = BlockEndSignals();
  signal(SIGPIPE, SIG_IGN);                  // a closed log must not end the server
  google::protobuf::SetLogHandler(nullptr);  // it prints a line for each malformed message
  // The distribution's abseil looks for cycles of locks at each lock, for gRPC's too.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  Logger logger(options.log_level, options.log_format);
  logger.Log(LogLevel::kInfo, "starting", {{"version", std::string_view(kVersion)}});
  options.server.incarnation = RandomIncarnation();
  options.server.on_failure = [] { kill(getpid(), kFailureSignal); };
  auto server = Server::Start(options.server, logger);
  if (!server.ok()) {
    std::cerr << "kvsift-server: " << server.status().message() << std::endl;
    return kExitRunFailed;
  }
  for (const std::string& address : (*server)->addresses()) {
    std::cout << "listening on " << address << std::endl;
  }
  const std::string metrics = (*server)->metrics_address();
  if (!metrics.empty()) std::cout << "metrics on " << metrics << std::endl;
  const std::string health = (*server)->health_address();
  if (!health.empty()) std::cout << "health on " << health << std::endl;
  WaitForEnd(signals, **server);
  EndAtOnceOnSignals();
  (*server)->Shutdown();
  return (*server)->failure().ok() ? 0 : kExitDeviceFailed;
}

}  // namespace

int RunServerProgram(const std::vector<std::string>& arguments, BackendsFactory make_backends) {
  const int processors = static_cast<int>(std::thread::hardware_concurrency());
  auto parsed = ParseProgramOptions(arguments, processors);
  if (!parsed.ok()) {
    std::cerr << "kvsift-server: " << parsed.status().message()
              << "\nRun kvsift-server --help for the options." << std::endl;
    return kExitBadUsage;
  }
  if (const auto* text = std::get_if<ProgramText>(&*parsed)) {
    std::cout << text->text;
    return 0;
  }
  auto options = std::get<ProgramOptions>(*std::move(parsed));
  options.server.make_backends = std::move(make_backends);
  return Run(std::move(options));
}

}  // namespace kvsift
