#include "server/option_places.h"

#include <gtest/gtest.h>

namespace kvsift {
namespace {

TEST(OptionPlaces, NameTheLineThatSetsAnOption) {
  OptionPlaces places;
  places.Add("memory", "4G", "f:2");
  EXPECT_EQ(places.Locate("--memory: 5 bytes"), "f:2: --memory: 5 bytes");
  EXPECT_EQ(places.Locate("--memory-other: 5"), "--memory-other: 5");
  EXPECT_EQ(places.Locate("--threads: 5"), "--threads: 5");
  EXPECT_EQ(places.Locate("something about --memory: 5"), "something about --memory: 5");
}

TEST(OptionPlaces, OfSeveralLinesItIsTheLastWithTheValue) {
  OptionPlaces places;
  places.Add("listen", "a:1", "f:1");
  places.Add("listen", "a:12", "f:2");
  places.Add("listen", "a:1", "f:3");
  places.Add("listen", "b:1", "f:4");
  EXPECT_EQ(places.Locate("--listen: a:1 overlaps"), "f:3: --listen: a:1 overlaps");
  EXPECT_EQ(places.Locate("--listen: a:12, or so"), "f:2: --listen: a:12, or so");
  EXPECT_EQ(places.Locate("--listen: b:1"), "f:4: --listen: b:1");
  EXPECT_EQ(places.Locate("--listen: a:123"), "f:4: --listen: a:123");
}

}  // namespace
}  // namespace kvsift
