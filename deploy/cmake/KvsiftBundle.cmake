# The archive that runs on a machine with nothing but glibc and, for GPUs, an NVIDIA driver:
# programs in bin/, tests and benchmarks in tests/, every shared library that they need in lib/.
# deploy/bundle.sh builds it.
#
# Shared libraries rather than a static link: several of them (Highway, spdlog, prometheus-cpp)
# exist in Debian as shared objects only, these share one libstdc++ with the programs, and a dozen
# programs share one gRPC and one copy of the GPU code. They are found by DT_RPATH, because
# DT_RUNPATH of a program does not hold for the libraries of its libraries.

set(kvsift_bundled_tests
  # What a GPU must pass.
  kernels_cuda_allocation_test
  kernels_cuda_contract_test
  kernels_cuda_fault_test
  kernels_cuda_test
  engine_concurrency_test
  engine_model_test
  engine_property_test
  engine_semantics_test
  engine_stress_test
  end_to_end_bad_input_test
  end_to_end_concurrency_test
  end_to_end_failure_test
  end_to_end_program_test
  end_to_end_service_test
  kvsift_failing_server
  kvsift_trapping_server
  kvsift_differential
  # What is measured on it.
  kvsift_bench_kernels
  kvsift_cuda_bench
  kvsift_gpu_load
  kvsift_interference_bench)
get_property(kvsift_programs GLOBAL PROPERTY KVSIFT_PROGRAMS)
get_property(kvsift_libraries GLOBAL PROPERTY KVSIFT_LIBRARIES)

list(APPEND kvsift_libraries kvsift_cuda_kernels kvsift_proto)

# What the archive holds, to be built and to have its debug symbols set aside.
set(kvsift_bundled ${kvsift_programs} ${kvsift_bundled_tests} ${kvsift_libraries})
add_custom_target(bundled DEPENDS ${kvsift_bundled})
list(TRANSFORM kvsift_bundled REPLACE "(.+)" "$<TARGET_FILE:\\1>")
list(JOIN kvsift_bundled "\n" kvsift_bundled_files)
file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/bundled.txt CONTENT "${kvsift_bundled_files}\n")

# Every machine has these; they come with glibc.
set(kvsift_glibc "^(ld-linux.*|lib(c|m|dl|pthread|rt|resolv))\\.so")

install(TARGETS ${kvsift_programs} RUNTIME_DEPENDENCY_SET kvsift_needed
        RUNTIME DESTINATION bin COMPONENT bundle)
install(TARGETS ${kvsift_bundled_tests} RUNTIME_DEPENDENCY_SET kvsift_needed
        RUNTIME DESTINATION tests COMPONENT bundle)
install(TARGETS ${kvsift_libraries} RUNTIME_DEPENDENCY_SET kvsift_needed
        LIBRARY DESTINATION lib COMPONENT bundle)
install(RUNTIME_DEPENDENCY_SET kvsift_needed PRE_EXCLUDE_REGEXES ${kvsift_glibc}
        LIBRARY DESTINATION lib COMPONENT bundle)
install(DIRECTORY tests/data DESTINATION tests COMPONENT bundle)
install(PROGRAMS tests/gpu/check.sh tests/gpu/load.py DESTINATION tests/gpu COMPONENT bundle)
install(FILES LICENSE README.md DESTINATION . COMPONENT bundle)

set(CPACK_GENERATOR TGZ)
set(CPACK_PACKAGE_VENDOR kvsift)
set(CPACK_PACKAGE_FILE_NAME kvsift-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};kvsift;bundle;/")
set(CPACK_STRIP_FILES ON)
include(CPack)
