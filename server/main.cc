// kvsift-server.
#include <string>
#include <vector>

#include "server/program.h"

int main(int argc, char** argv) {
  return kvsift::RunServerProgram(std::vector<std::string>(argv + 1, argv + argc));
}
