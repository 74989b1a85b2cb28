#include "server/machine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace kvsift {
namespace {

// A root folder with the files that name a process's control group and its limits.
class MachineTest : public testing::Test {
 protected:
  MachineTest() {
    root_ = testing::TempDir() + "kvsiftXXXXXX";
    EXPECT_NE(mkdtemp(root_.data()), nullptr);
    root_ += "/";
  }
  ~MachineTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + name).parent_path());
    std::ofstream(root_ + name) << text;
  }

  std::string root_;
};

TEST_F(MachineTest, WithoutALimitTheMemoryIsTheMachines) {
  const Machine machine = ReadMachine(root_);
  EXPECT_GT(machine.memory_bytes, 1 << 20);
  EXPECT_GE(machine.processors, 1);
  EXPECT_EQ(machine.memory_name, "the memory of this machine");
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(ReadMachine(root_).memory_bytes, machine.memory_bytes);
}

TEST_F(MachineTest, AContainersLimitCounts) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/memory.max", "1048576\n");
  const Machine machine = ReadMachine(root_);
  EXPECT_EQ(machine.memory_bytes, 1 << 20);
  EXPECT_EQ(machine.memory_name, "the memory limit of this container or control group");
}

TEST_F(MachineTest, TheLeastLimitOfTheGroupAndThoseAroundItCounts) {
  Write("proc/self/cgroup", "5:devices:/other\n0::/system.slice/kvsift.service\n");
  Write("sys/fs/cgroup/other/memory.max", "5\n");
  Write("sys/fs/cgroup/system.slice/memory.max", "2097152\n");
  Write("sys/fs/cgroup/system.slice/kvsift.service/memory.max", "max\n");
  EXPECT_EQ(ReadMachine(root_).memory_bytes, 2 << 20);
  Write("sys/fs/cgroup/system.slice/kvsift.service/memory.max", "1048576\n");
  EXPECT_EQ(ReadMachine(root_).memory_bytes, 1 << 20);
}

TEST_F(MachineTest, ProcessorTimeIsLimitedInWholeProcessors) {
  Write("proc/self/cgroup", "0::/a/b\n");
  const int processors = ReadMachine(root_).processors;
  Write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(ReadMachine(root_).processors, processors);
  Write("sys/fs/cgroup/a/cpu.max", "6400000 100000\n");
  EXPECT_EQ(ReadMachine(root_).processors, std::min(processors, 64));
  Write("sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
  EXPECT_EQ(ReadMachine(root_).processors, 1);
  Write("sys/fs/cgroup/a/b/cpu.max", "110000 100000\n");
  EXPECT_EQ(ReadMachine(root_).processors, std::min(processors, 2));
}

}  // namespace
}  // namespace kvsift
