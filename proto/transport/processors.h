#ifndef KVSIFT_PROTO_TRANSPORT_PROCESSORS_H_
#define KVSIFT_PROTO_TRANSPORT_PROCESSORS_H_

namespace kvsift {

// Processors that this process may run on: those of the machine, or fewer where it is confined to
// some (taskset, a control group's cpuset).
int ProcessorsOfProcess();

}  // namespace kvsift

#endif  // KVSIFT_PROTO_TRANSPORT_PROCESSORS_H_
