#include <cstdio>
#include "client/load/document.h"
#include "client/load/session.h"
int main(int argc, char** argv) {
  kvsift::load::Plan plan;
  plan.server = argv[1];
  plan.verify = 0.05;
  plan.duration = absl::Seconds(3);
  if (argc > 2) plan.scenario = *kvsift::load::ScenarioFromName(argv[2]);
  auto session = kvsift::load::Session::Start(plan);
  if (!session.ok()) return fprintf(stderr, "%s\n", session.status().ToString().c_str()), 3;
  auto p = (*session)->Prepare();
  if (!p.ok()) return fprintf(stderr, "%s\n", p.ToString().c_str()), 3;
  kvsift::load::RunReport r;
  r.started = absl::Now();
  r.plan = plan;
  r.trial = (*session)->Measure({.warm_up = plan.warm_up, .duration = plan.duration});
  auto t = absl::Now();
  (*session)->FinishVerification([](int64_t left) { fprintf(stderr, "%ld left\n", (long)left); });
  fprintf(stderr, "verify rest %f\n", absl::ToDoubleSeconds(absl::Now() - t));
  r.verified = (*session)->verifier().verified();
  r.differences = (*session)->verifier().differences();
  puts(kvsift::load::ReportDocument(r).dump(1).c_str());
}
