#include "server/program.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <iostream>
#include <random>
#include <utility>
#include <variant>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "google/protobuf/stubs/logging.h"
#include "server/configuration_check.h"
#include "server/machine.h"
#include "server/options.h"
#include "server/rpc/log.h"
#include "server/rpc/version.h"
#include "server/service_manager.h"

namespace kvsift {
namespace {

// What an end takes beside the drain: memory is given back, a GPU is left.
constexpr absl::Duration kEndTime = absl::Seconds(30);

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

// What the program says for itself when it does not run.
void Complain(const OptionPlaces& places, const absl::Status& status) {
  std::cerr << "kvsift-server: " << places.Locate(std::string(status.message())) << std::endl;
}

int Run(ProgramOptions options, const sigset_t& signals, const ServiceManager& manager) {
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
    Complain(options.places, server.status());
    return kExitRunFailed;
  }
  for (const std::string& address : (*server)->addresses()) {
    std::cout << "listening on " << address << std::endl;
  }
  const std::string metrics = (*server)->metrics_address();
  if (!metrics.empty()) std::cout << "metrics on " << metrics << std::endl;
  const std::string health = (*server)->health_address();
  if (!health.empty()) std::cout << "health on " << health << std::endl;
  manager.SayReady();
  WaitForEnd(signals, **server);
  EndAtOnceOnSignals();
  manager.SayStopping(options.server.drain_timeout + kEndTime);
  (*server)->Shutdown();
  return (*server)->failure().ok() ? 0 : kExitDeviceFailed;
}

}  // namespace

int RunServerProgram(const std::vector<std::string>& arguments, Surroundings surroundings) {
  const Machine machine = ReadMachine();
  auto parsed = ParseProgramOptions(arguments, machine.processors);
  if (!parsed.ok()) {
    Complain({}, parsed.status());
    std::cerr << "Run kvsift-server --help for the options." << std::endl;
    return kExitBadUsage;
  }
  if (const auto* text = std::get_if<ProgramText>(&*parsed)) {
    std::cout << text->text;
    return 0;
  }
  auto options = std::get<ProgramOptions>(*std::move(parsed));
  options.server.make_backends = std::move(surroundings.make_backends);
  const sigset_t signals = BlockEndSignals();  // looking for a GPU can start threads
  const absl::Status valid = CheckConfiguration(options.server, machine);
  // A backend that cannot run here may later: a start fails with another code then.
  if (absl::IsInvalidArgument(valid) || (options.check_only && !valid.ok())) {
    Complain(options.places, valid);
    return kExitBadUsage;
  }
  if (options.check_only) {
    std::cout << "kvsift-server: the configuration is valid" << std::endl;
    return 0;
  }
  return Run(std::move(options), signals, ServiceManager(std::move(surroundings.notify_socket)));
}

}  // namespace kvsift
