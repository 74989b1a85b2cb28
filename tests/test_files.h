// Where a test program finds what it needs: always relative to itself, so that the same program
// runs in a build tree and in an unpacked bundle.
#ifndef KVSIFT_TESTS_TEST_FILES_H_
#define KVSIFT_TESTS_TEST_FILES_H_

#include <string>
#include <string_view>

namespace kvsift {

// Path of a file or folder of tests/data: TestData("golden").
std::string TestData(std::string_view name);

// Path of a program that is tested: TestedProgram("kvsift-server").
std::string TestedProgram(std::string_view name);

// Path of a program that is one of the tests itself, beside the running one.
std::string TestProgram(std::string_view name);

}  // namespace kvsift

#endif  // KVSIFT_TESTS_TEST_FILES_H_
