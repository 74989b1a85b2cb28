#include "tests/rpc/prometheus_text.h"

#include <gmock/gmock.h>

#include <string>

namespace kvsift {
namespace {

using testing::Contains;
using testing::EndsWith;
using testing::IsEmpty;

// What is wrong with a family kvsift_x of that type and these samples.
std::vector<std::string> ProblemsOf(const std::string& name, const std::string& type,
                                    const std::string& samples) {
  return PrometheusText("# HELP " + name + " Words.\n# TYPE " + name + " " + type + "\n" + samples)
      .problems();
}

TEST(PrometheusText, ReadsSeries) {
  const PrometheusText text(
      "# HELP kvsift_x_total Words, with\\n escapes.\n# TYPE kvsift_x_total counter\n"
      "kvsift_x_total{b=\"2\",a=\"q\\\"}\"} 3\nkvsift_x_total{a=\"r\"} 1e3\n");
  EXPECT_THAT(text.problems(), IsEmpty());
  EXPECT_EQ(text.Value("kvsift_x_total{a=\"q\\\"}\",b=\"2\"}"), 3);
  EXPECT_EQ(text.Sum("kvsift_x_total"), 1003);
  EXPECT_EQ(text.Count("kvsift_x_total"), 2);
  EXPECT_FALSE(text.Has("kvsift_x_total"));
}

TEST(PrometheusText, FindsWhatIsNotTheFormat) {
  EXPECT_THAT(PrometheusText("kvsift_x 1\n").problems(), Contains(EndsWith("of no family")));
  EXPECT_THAT(ProblemsOf("kvsift_x", "gauge", "kvsift_x{a=1} 1\n"),
              Contains(EndsWith("not labels and a value")));
  EXPECT_THAT(ProblemsOf("kvsift_x", "gauge", "kvsift_x one\n"),
              Contains(EndsWith("not labels and a value")));
  EXPECT_THAT(ProblemsOf("kvsift_x", "gauge", "kvsift_x 1\nkvsift_x 2\n"),
              Contains(EndsWith("there twice")));
  EXPECT_THAT(PrometheusText("# TYPE kvsift_x gauge\nkvsift_x 1\n").problems(),
              Contains(EndsWith("no HELP")));
  EXPECT_THAT(PrometheusText("# HELP kvsift_x Words.\nkvsift_x 1\n").problems(),
              Contains(EndsWith("no TYPE")));
}

TEST(PrometheusText, FindsNamesAgainstTheConventions) {
  EXPECT_THAT(ProblemsOf("kvsift_x", "gauge", "kvsift_x 1\n"), IsEmpty());
  EXPECT_THAT(ProblemsOf("kvsift_x", "counter", "kvsift_x 1\n"),
              Contains(EndsWith("_total is for counters")));
  EXPECT_THAT(ProblemsOf("kvsift_x_total", "gauge", "kvsift_x_total 1\n"),
              Contains(EndsWith("_total is for counters")));
  EXPECT_THAT(ProblemsOf("kvsift_x_us", "gauge", ""), Contains(EndsWith("not in base units")));
  EXPECT_THAT(ProblemsOf("kvsift_x_kib_total", "counter", ""),
              Contains(EndsWith("not in base units")));
  EXPECT_THAT(ProblemsOf("x", "gauge", ""), Contains(EndsWith("of unknown origin")));
  EXPECT_THAT(ProblemsOf("kvsift_x_count", "gauge", ""), Contains(EndsWith("of a histogram")));
}

TEST(PrometheusText, FindsHistogramsThatDoNotAddUp) {
  const std::string low = "kvsift_x_bucket{le=\"1\"} 2\n";
  const std::string all = "kvsift_x_bucket{le=\"+Inf\"} 3\n";
  const std::string sum = "kvsift_x_sum 9\n";
  const std::string count = "kvsift_x_count 3\n";
  EXPECT_THAT(ProblemsOf("kvsift_x", "histogram", low + all + sum + count), IsEmpty());
  EXPECT_THAT(ProblemsOf("kvsift_x", "histogram", low + sum + count),
              Contains(EndsWith("is not _count")));
  EXPECT_THAT(ProblemsOf("kvsift_x", "histogram", low + all + sum + "kvsift_x_count 4\n"),
              Contains(EndsWith("is not _count")));
  EXPECT_THAT(ProblemsOf("kvsift_x", "histogram", low + all + count), Contains(EndsWith("_sum")));
  EXPECT_THAT(
      ProblemsOf("kvsift_x", "histogram", "kvsift_x_bucket{le=\"1\"} 4\n" + all + sum + count),
      Contains(EndsWith("not cumulative")));
  EXPECT_THAT(ProblemsOf("kvsift_x", "histogram", sum + count), Contains(EndsWith("no buckets")));
}

}  // namespace
}  // namespace kvsift
