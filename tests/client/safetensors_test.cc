// Hostile files get an error that names the file and the tensor.
#include "client/trace/safetensors.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/safetensors_writer.h"

namespace kvsift::trace {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// Opens a file of `bytes`, which must be refused, and returns what is said.
std::string Refusal(const std::string& bytes) {
  const std::string path = WriteTestFile(bytes);
  const auto file = SafetensorsFile::Open(path);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << file.status();
  EXPECT_THAT(std::string(file.status().message()), HasSubstr(path));
  return std::string(file.status().message());
}

std::string Braces(const std::string& entries) { return "{" + entries + "}"; }

TEST(Safetensors, ReadsTensorsAndMetadata) {
  const std::string json =
      Braces("\"__metadata__\":{\"model\":\"tiny\"}," + Entry("b", "U8", "[2]", 8, 10) + "," +
             Entry("a", "I32", "[1,2]", 0, 8));
  const auto file = SafetensorsFile::Open(WriteTestFile(File(json, Ints({7, -1}) + "xy")));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->metadata().at("model"), "tiny");
  const Tensor* a = file->Find("a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->dtype, "I32");
  EXPECT_THAT(a->shape, ElementsAre(1, 2));
  EXPECT_EQ(a->bytes.size(), 8u);
  EXPECT_EQ(file->Find("b")->bytes[1], std::byte{'y'});
  EXPECT_EQ(file->Find("c"), nullptr);
}

TEST(Safetensors, PaddingAfterTheHeaderIsAccepted) {
  EXPECT_TRUE(SafetensorsFile::Open(WriteTestFile(File("{}   ", ""))).ok());
}

TEST(Safetensors, AScalarHasNoDimensions) {
  const auto file =
      SafetensorsFile::Open(WriteTestFile(File(Braces(Entry("a", "U8", "[]", 0, 1)), "x")));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->Find("a")->shape.size(), 0u);
}

TEST(Safetensors, AMissingFileIsNotFound) {
  EXPECT_EQ(SafetensorsFile::Open("/no/such/file").status().code(), absl::StatusCode::kNotFound);
}

TEST(Safetensors, AnEmptyFileAndAFolderAreRefused) {
  Refusal("");
  EXPECT_EQ(SafetensorsFile::Open("/").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Safetensors, AFileShorterThanAHeaderLengthIsRefused) {
  EXPECT_THAT(Refusal("1234567"), HasSubstr("header length"));
}

TEST(Safetensors, AHeaderLengthBeyondTheFileIsRefused) {
  EXPECT_THAT(Refusal(WithLength(3, "{}", "")), HasSubstr("header length 3, at most 2"));
  EXPECT_THAT(Refusal(WithLength(~uint64_t{0}, "{}", "")), HasSubstr("18446744073709551615"));
}

TEST(Safetensors, AHeaderOverTheSizeLimitIsRefused) {
  const std::string json(kMaxHeaderBytes + 1, ' ');
  EXPECT_THAT(Refusal(File(json, "")), HasSubstr("at most 16777216"));
}

TEST(Safetensors, AHeaderThatIsNoJsonIsRefused) {
  EXPECT_THAT(Refusal(File("{\"a\":", "")), HasSubstr("no JSON"));
  EXPECT_THAT(Refusal(File("[]", "")), HasSubstr("header"));
  EXPECT_THAT(Refusal(File("{} {}", "")), HasSubstr("no JSON"));
}

TEST(Safetensors, DeepNestingEndsWhereItBegins) {
  const std::string bomb(1 << 20, '[');
  EXPECT_THAT(Refusal(File(bomb, "")), HasSubstr("an array"));
  EXPECT_THAT(Refusal(File("{\"a\":{\"shape\":" + bomb, "")),
              AllOf(HasSubstr("\"a\""), HasSubstr("an array")));
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"dtype\":";
  EXPECT_THAT(Refusal(File(objects, "")), AllOf(HasSubstr("\"dtype\""), HasSubstr("an object")));
}

TEST(Safetensors, ANameTwiceIsRefused) {
  const std::string entry = Entry("a", "U8", "[1]", 0, 1);
  EXPECT_THAT(Refusal(File(Braces(entry + "," + entry), "x")),
              AllOf(HasSubstr("\"a\""), HasSubstr("same name twice")));
}

TEST(Safetensors, AFieldTwiceMissingOrUnknownIsRefused) {
  EXPECT_THAT(Refusal(File("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}", "")),
              HasSubstr("\"dtype\" twice"));
  EXPECT_THAT(Refusal(File("{\"a\":{\"dtype\":\"U8\",\"shape\":[]}}", "")),
              HasSubstr("fewer fields"));
  EXPECT_THAT(Refusal(File("{\"a\":{\"kind\":\"U8\"}}", "")), HasSubstr("\"kind\""));
}

TEST(Safetensors, NumbersThatAreNoSizesAreRefused) {
  EXPECT_THAT(Refusal(File(Braces(Entry("a", "U8", "[-1]", 0, 1)), "x")),
              HasSubstr("negative number"));
  EXPECT_THAT(Refusal(File(Braces(Entry("a", "U8", "[1.5]", 0, 1)), "x")), HasSubstr("a fraction"));
  EXPECT_THAT(Refusal(File(Braces(Entry("a", "U8", "[99999999999999999999]", 0, 1)), "x")),
              HasSubstr("a fraction"));
  EXPECT_THAT(Refusal(File(Braces(Entry("a", "U8", "[1,1,1,1,1,1,1,1,1]", 0, 1)), "x")),
              HasSubstr("more than 8"));
}

TEST(Safetensors, OffsetsBeyondTheDataAreRefused) {
  EXPECT_THAT(Refusal(File(Braces(Entry("a", "U8", "[9]", 0, 9)), "12345678")),
              AllOf(HasSubstr("\"a\""), HasSubstr("8 bytes of data")));
  EXPECT_THAT(Refusal(File(Braces(Entry("a", "U8", "[1]", ~uint64_t{0}, 0)), "x")),
              HasSubstr("\"a\""));
  EXPECT_THAT(Refusal(File("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", "x")),
              HasSubstr("data_offsets"));
}

TEST(Safetensors, AShapeThatDoesNotFitItsBytesIsRefused) {
  EXPECT_THAT(Refusal(File(Braces(Entry("a", "I32", "[3]", 0, 8)), "12345678")),
              AllOf(HasSubstr("\"a\""), HasSubstr("8 bytes"), HasSubstr("more")));
  EXPECT_THAT(Refusal(File(Braces(Entry("a", "I32", "[1]", 0, 8)), "12345678")),
              HasSubstr("needs 4"));
}

// 2^32 x 2^32 x 4 bytes wrap around to 0 in 64 bits.
TEST(Safetensors, AProductThatOverflowsIsRefused) {
  EXPECT_THAT(Refusal(File(Braces(Entry("a", "I32", "[4294967296,4294967296]", 0, 0)), "")),
              AllOf(HasSubstr("\"a\""), HasSubstr("the shape needs more")));
}

TEST(Safetensors, AnUnknownTypeIsRefused) {
  EXPECT_THAT(Refusal(File(Braces(Entry("a", "C64", "[1]", 0, 8)), "12345678")),
              HasSubstr("\"C64\""));
}

TEST(Safetensors, OverlapsHolesAndRemaindersAreRefused) {
  const std::string first = Entry("a", "U8", "[4]", 0, 4);
  EXPECT_THAT(Refusal(File(Braces(first + "," + Entry("b", "U8", "[4]", 2, 6)), "123456")),
              AllOf(HasSubstr("\"b\""), HasSubstr("inside another")));
  EXPECT_THAT(Refusal(File(Braces(first + "," + Entry("b", "U8", "[1]", 5, 6)), "123456")),
              AllOf(HasSubstr("\"b\""), HasSubstr("after a hole")));
  EXPECT_THAT(Refusal(File(Braces(first), "123456")), HasSubstr("2 bytes at the end"));
}

}  // namespace
}  // namespace kvsift::trace
