#include "client/load/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "client/load/compare_command.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvsift::load {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Json = nlohmann::ordered_json;

// A run of 20 intervals whose latencies are `slower` times 800 us, give or take 2 %.
Json Result(uint64_t seed, double slower) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> spread(0, 0.02);
  Json result = {{"kvsift_load", "0.1.0"},     {"scenario", "decode"},
                 {"requests", 40000},          {"errors", Json::object()},
                 {"config", {{"workers", 4}}}, {"machine", {{"cores", 2}}},
                 {"intervals", Json::array()}};
  double sum = 0;
  for (int i = 1; i <= 20; ++i) {
    const double us = 800 * slower * std::exp(spread(random));
    sum += us;
    result["intervals"].push_back({{"t_s", 0.5 * i},
                                   {"count", 2000},
                                   {"rate_per_s", 4e6 / us},
                                   {"p50_us", us},
                                   {"p99_us", 2 * us},
                                   {"max_us", 9 * us},
                                   {"errors", 0}});
  }
  const double mean = sum / 20;
  result["rate_per_s"] = 4e6 / mean;
  result["latency_us"] = {{"p50", mean}, {"p90", 1.5 * mean}, {"p99", 2 * mean}, {"max", 9 * mean}};
  return result;
}

Difference Of(const Comparison& comparison, const std::string& figure) {
  const auto found =
      std::find_if(comparison.differences.begin(), comparison.differences.end(),
                   [&](const Difference& difference) { return difference.figure == figure; });
  return found == comparison.differences.end() ? Difference{} : *found;
}

TEST(Compare, SameDistributionIsWithinNoise) {
  for (const char* figure : {"rate", "p50", "p99", "max", "errors"}) {
    int within = 0;
    for (uint64_t seed = 0; seed < 100; ++seed) {
      const Comparison comparison = Compare(Result(seed, 1), Result(seed + 1000, 1));
      within += Of(comparison, figure).verdict == Verdict::kWithinNoise ? 1 : 0;
    }
    EXPECT_GE(within, 95) << figure;
  }
}

TEST(Compare, TenPercentWithSmallSpreadIsSeen) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const Comparison slower = Compare(Result(seed, 1), Result(seed + 1000, 1.1));
    for (const char* figure : {"rate", "p50", "p99", "max"}) {
      EXPECT_EQ(Of(slower, figure).verdict, Verdict::kWorse) << figure << seed;
    }
    const Comparison faster = Compare(Result(seed, 1.1), Result(seed + 1000, 1));
    EXPECT_EQ(Of(faster, "rate").verdict, Verdict::kBetter) << seed;
  }
}

TEST(Compare, JudgementNamesDirectionAndSize) {
  Json a = Result(1, 1);
  Json b = Result(2, 1.1);
  a["rate_per_s"] = 1000;
  b["rate_per_s"] = 900;
  a["latency_us"]["p50"] = 800;
  b["latency_us"]["p50"] = 900;
  const Comparison comparison = Compare(a, b);
  EXPECT_EQ(Of(comparison, "rate").judgement, "slower by 10.0 % (beyond noise)");
  EXPECT_EQ(Of(comparison, "p50").judgement, "slower by 12.5 % (beyond noise)");
  EXPECT_EQ(Of(Compare(b, a), "p50").judgement, "faster by 11.1 % (beyond noise)");
}

// The intervals of B are slower, its whole is not: nothing clear.
TEST(Compare, WhatContradictsItselfIsWithinNoise) {
  Json b = Result(2, 1.1);
  b["latency_us"]["p50"] = 700;
  EXPECT_EQ(Of(Compare(Result(1, 1), b), "p50").verdict, Verdict::kWithinNoise);
}

TEST(Compare, FiguresWithoutIntervalsAreTooLittleData) {
  Json a = Result(1, 1);
  Json b = Result(2, 1.5);
  a["ratio"] = {{"p50", 1.1}};
  b["ratio"] = {{"p50", 1.6}};
  EXPECT_EQ(Of(Compare(a, b), "ratio").judgement, "too little data");
  EXPECT_EQ(Of(Compare(a, b), "p90").judgement, "too little data");
  EXPECT_DOUBLE_EQ(*Of(Compare(a, b), "ratio").b, 1.6);
  b.erase("intervals");
  EXPECT_EQ(Of(Compare(a, b), "p50").verdict, Verdict::kTooLittleData);
}

TEST(Compare, ErrorsInManyIntervalsAreBeyondNoise) {
  Json b = Result(2, 1);
  b["errors"] = {{"UNAVAILABLE", 200}, {"ABORTED", 200}};
  for (Json& interval : b["intervals"]) interval["errors"] = 20;
  const Comparison comparison = Compare(Result(1, 1), b);
  EXPECT_EQ(Of(comparison, "errors").verdict, Verdict::kWorse);
  EXPECT_EQ(Of(comparison, "errors").judgement, "more (beyond noise)");
  EXPECT_DOUBLE_EQ(*Of(comparison, "errors").b, 0.01);
  EXPECT_THAT(comparison.warnings, Contains("B has 400 errors"));
}

TEST(Compare, WarnsOfWhatDiffersAndOfWrongAnswers) {
  Json b = Result(2, 1);
  b["config"] = {{"workers", 8}, {"k", 256}};
  b["machine"]["cpu"] = "another";
  b["differences"] = 3;
  EXPECT_THAT(Compare(Result(1, 1), b).warnings,
              testing::ElementsAre("config.workers differs: 4 in A, 8 in B",
                                   "config.k differs: absent in A, 256 in B",
                                   "machine.cpu differs: absent in A, \"another\" in B",
                                   "B has 3 wrong answers"));
  EXPECT_THAT(Compare(Result(1, 1), Result(2, 1)).warnings, IsEmpty());
}

// Files come from others, and what they hold must not reach a terminal as its commands.
TEST(Compare, WarningsHoldNoControlCharacters) {
  Json b = Result(2, 1);
  b["config"]["a\033[2Jb"] = "\033[2J";
  EXPECT_THAT(Compare(Result(1, 1), b).warnings, Contains(HasSubstr("config.a\\033[2Jb")));
  EXPECT_THAT(ComparisonTable(Compare(Result(1, 1), b)), Not(HasSubstr("\033")));
}

TEST(Compare, AnyDocumentIsCompared) {
  for (const Json& odd : {Json(), Json("text"), Json::array({1}), Json{{"intervals", 7}},
                          Json{{"config", 3}, {"latency_us", "x"}, {"errors", {{"A", "b"}}}}}) {
    for (const Difference& difference : Compare(odd, Result(1, 1)).differences) {
      EXPECT_EQ(difference.verdict, Verdict::kTooLittleData) << difference.figure;
    }
  }
}

TEST(Compare, PrintsATableAndJson) {
  const Comparison comparison = Compare(Result(1, 1), Result(2, 1.1));
  EXPECT_THAT(ComparisonTable(comparison),
              AllOf(HasSubstr("p50 us"), HasSubstr("slower by"), Not(HasSubstr("warning"))));
  const Json json = ComparisonJson(comparison);
  EXPECT_EQ(json["figures"]["p50"]["verdict"], "worse");
  EXPECT_TRUE(json["figures"]["p99.9"]["a"].is_null());
}

// A file of a test, removed with it.
class File {
 public:
  File(const std::string& name, const std::string& text) : path_(testing::TempDir() + name) {
    std::ofstream(path_) << text;
  }
  ~File() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(CompareFiles, UnreadableOnesAreNamedWithWhatIsMissing) {
  const File text("kvsift_compare_text", "rate: 5");
  const File json("kvsift_compare_json", R"({"kvsift_load": "0.1.0", "rate_per_s": 1})");
  EXPECT_EQ(ReadResult("/no/such.json").status().message(),
            "/no/such.json: No such file or directory");
  EXPECT_THAT(std::string(ReadResult(text.path()).status().message()),
              AllOf(HasSubstr(text.path()), HasSubstr("is not JSON")));
  EXPECT_THAT(std::string(ReadResult(json.path()).status().message()),
              AllOf(HasSubstr(json.path()), HasSubstr("lacks \"latency_us\"")));
  EXPECT_THAT(std::string(ReadResult(testing::TempDir()).status().message()),
              HasSubstr("is a folder"));
  EXPECT_EQ(RunCompare(text.path(), json.path(), false), 2);
}

TEST(CompareFiles, ResultsAreCompared) {
  const File a("kvsift_compare_a", Result(1, 1).dump());
  const File b("kvsift_compare_b", Result(2, 1.1).dump());
  testing::internal::CaptureStdout();
  EXPECT_EQ(RunCompare(a.path(), b.path(), true), 0);
  const std::string printed = testing::internal::GetCapturedStdout();
  EXPECT_EQ(Json::parse(printed), ComparisonJson(Compare(Result(1, 1), Result(2, 1.1))));
}

}  // namespace
}  // namespace kvsift::load
