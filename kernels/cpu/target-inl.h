// What every Highway source of this folder needs before HWY_BEFORE_NAMESPACE().
//
// Highway 1.0.3 checks for AVX512-VNNI before it picks AVX3_DL but does not tell the compiler
// that it may use it; without that vpdpbusd on 512-bit vectors cannot be inlined. It does not check
// for GFNI, which every processor with the rest has: a loop that uses it runs only where
// KeyJob::has_gfni says so.
//
// No include guard: foreach_target.h includes this once per target.
#include "hwy/highway.h"

#if HWY_TARGET == HWY_AVX3_DL
#undef HWY_TARGET_STR
#define HWY_TARGET_STR                                            \
  HWY_TARGET_STR_AVX3                                             \
  ",vpclmulqdq,avx512vbmi,avx512vbmi2,vaes,avxvnni,avx512bitalg," \
  "avx512vpopcntdq,avx512vnni,gfni"
#endif
