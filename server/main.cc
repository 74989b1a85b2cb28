// kvsift-server: options, a server, signals.
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "google/protobuf/stubs/logging.h"
#include "server/options.h"
#include "server/rpc/log.h"
#include "server/rpc/server.h"
#include "server/rpc/version.h"

namespace {

constexpr int kRunFailed = 1;
constexpr int kBadUsage = 2;

// Blocks the signals that end the server in this thread and those it starts.
sigset_t BlockEndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// From now on a signal that ends the server does so at once.
void EndAtOnceOn(const sigset_t& signals) {
  struct sigaction action = {};
  action.sa_handler = [](int) { _exit(kRunFailed); };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

uint64_t RandomIncarnation() {
  std::random_device random;
  const uint64_t value = (uint64_t{random()} << 32) | random();
  return value == 0 ? 1 : value;
}

int Run(kvsift::ProgramOptions options) {
  const sigset_t signals = BlockEndSignals();
  signal(SIGPIPE, SIG_IGN);                  // a closed log must not end the server
  google::protobuf::SetLogHandler(nullptr);  // it prints a line for each malformed message
  kvsift::Logger logger(options.log_level, options.log_format);
  logger.Log(kvsift::LogLevel::kInfo, "starting",
             {{"version", std::string_view(kvsift::kVersion)}});
  options.server.incarnation = RandomIncarnation();
  auto server = kvsift::Server::Start(options.server, logger);
  if (!server.ok()) {
    std::cerr << "kvsift-server: " << server.status().message() << std::endl;
    return kRunFailed;
  }
  for (const std::string& address : (*server)->addresses()) {
    std::cout << "listening on " << address << std::endl;
  }
  int received = 0;
  sigwait(&signals, &received);
  EndAtOnceOn(signals);
  (*server)->Shutdown();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const int processors = static_cast<int>(std::thread::hardware_concurrency());
  auto parsed = kvsift::ParseProgramOptions(arguments, processors);
  if (!parsed.ok()) {
    std::cerr << "kvsift-server: " << parsed.status().message()
              << "\nRun kvsift-server --help for the options." << std::endl;
    return kBadUsage;
  }
  if (const auto* text = std::get_if<kvsift::ProgramText>(&*parsed)) {
    std::cout << text->text;
    return 0;
  }
  return Run(std::get<kvsift::ProgramOptions>(*std::move(parsed)));
}
