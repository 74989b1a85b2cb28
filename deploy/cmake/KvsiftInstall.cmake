# What an installed kvsift consists of, in three components: `server`, the programs of clients
# (`clients`), and what C++ projects build with (`development`).
include(CMakePackageConfigHelpers)

set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON) # a package needs the programs, not the tests

set(kvsift_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/kvsift)
set(kvsift_header_dir ${CMAKE_INSTALL_INCLUDEDIR}/kvsift)

set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME development)
install(TARGETS kvsift_kernels kvsift_backends kvsift_engine EXPORT kvsiftTargets)
if(KVSIFT_HAS_CUDA)
  install(TARGETS kvsift_kernels_cuda kvsift_cuda_kernels EXPORT kvsiftTargets)
endif()
install(DIRECTORY kernels DESTINATION ${kvsift_header_dir}
        FILES_MATCHING PATTERN *.h PATTERN cpu EXCLUDE PATTERN cuda EXCLUDE
        PATTERN reference EXCLUDE)
install(FILES server/engine/answer.h server/engine/engine.h
              server/engine/level_deviation.h server/engine/mutex.h
              server/engine/observer.h server/engine/thread_pool.h
        DESTINATION ${kvsift_header_dir}/server/engine)
if(KVSIFT_SERVICE)
  install(TARGETS kvsift_proto kvsift_transport kvsift_client EXPORT kvsiftTargets)
  install(DIRECTORY client/include/kvsift DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
          FILES_MATCHING PATTERN *.h)
  install(DIRECTORY proto/kvsift DESTINATION ${CMAKE_INSTALL_DATADIR}/kvsift/proto
          FILES_MATCHING PATTERN *.proto)
  install(DIRECTORY ${PROJECT_BINARY_DIR}/proto/generated/kvsift
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)
endif()

install(EXPORT kvsiftTargets NAMESPACE kvsift:: DESTINATION ${kvsift_package_dir})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/kvsiftConfig.cmake.in
  ${PROJECT_BINARY_DIR}/kvsiftConfig.cmake INSTALL_DESTINATION ${kvsift_package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/kvsiftConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/kvsiftConfig.cmake ${PROJECT_BINARY_DIR}/kvsiftConfigVersion.cmake
        DESTINATION ${kvsift_package_dir})

install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT clients)
if(KVSIFT_SERVICE)
  get_property(kvsift_programs GLOBAL PROPERTY KVSIFT_PROGRAMS)
  list(REMOVE_ITEM kvsift_programs kvsift-server)
  install(TARGETS kvsift-server COMPONENT server)
  install(TARGETS ${kvsift_programs} COMPONENT clients)
endif()
include(KvsiftPackages)
