# What every target of the project shares: warnings, floating-point rules, sanitizers.

add_library(kvsift_build_rules INTERFACE)
target_compile_options(kvsift_build_rules INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wno-psabi
  $<$<BOOL:${KVSIFT_WERROR}>:-Werror>
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  # Codes are the same bits everywhere: no contraction of a * b + c into one rounding.
  -ffp-contract=off)
if(KVSIFT_SANITIZE)
  list(JOIN KVSIFT_SANITIZE "," kvsift_sanitizers)
  target_compile_options(kvsift_build_rules INTERFACE
    -fsanitize=${kvsift_sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(kvsift_build_rules INTERFACE -fsanitize=${kvsift_sanitizers})
endif()

# Compiling the same text twice costs nothing where ccache is installed.
find_program(KVSIFT_CCACHE ccache)
mark_as_advanced(KVSIFT_CCACHE)
if(KVSIFT_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${KVSIFT_CCACHE})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${KVSIFT_CCACHE})
endif()

# What a dozen programs of a bundle share is there once, GPU code above all (KvsiftBundle.cmake).
set(KVSIFT_LIBRARY_TYPE STATIC)
if(KVSIFT_BUNDLE)
  set(KVSIFT_LIBRARY_TYPE SHARED)
  set(CMAKE_INSTALL_RPATH "$ORIGIN/../lib")
  add_link_options(-Wl,--disable-new-dtags -Wl,-Bsymbolic-functions)
endif()

# Headers of libraries take three quarters of a compiler's time. Read once for each target of several
# sources, they save a cold build a quarter of its time, but hide an include that is missing.
set(kvsift_common_headers
  <algorithm> <atomic> <chrono> <functional> <map> <memory> <optional> <span> <string> <thread> <vector>
  <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/synchronization/mutex.h> <absl/time/time.h>)
set(kvsift_service_headers
  <grpcpp/grpcpp.h> <grpcpp/generic/generic_stub.h> <google/protobuf/message.h>)

# kvsift_precompile(NAME SOURCES...): as KVSIFT_PRECOMPILED_HEADERS says.
function(kvsift_precompile name)
  cmake_path(RELATIVE_PATH CMAKE_CURRENT_SOURCE_DIR BASE_DIRECTORY ${PROJECT_SOURCE_DIR}
             OUTPUT_VARIABLE folder)
  list(LENGTH ARGN count)
  if(NOT KVSIFT_PRECOMPILED_HEADERS OR count LESS 4 OR folder MATCHES "^(kernels|tests/kernels/c)")
    return()
  endif()
  set(headers ${kvsift_common_headers})
  if(folder MATCHES "^(server/rpc|client/(cpp|load|pool)|tests/(rpc|client|end_to_end))" OR
     folder STREQUAL "client")
    list(APPEND headers ${kvsift_service_headers})
  endif()
  if(folder MATCHES "^tests/")
    list(APPEND headers <gmock/gmock.h>)
  endif()
  target_precompile_headers(${name} PRIVATE ${headers})
endfunction()

# kvsift_library(NAME SOURCES... [PUBLIC libs...] [PRIVATE libs...])
# A library kvsift_NAME, known as kvsift::NAME, that includes from the project's root. Those of
# tests are always static: they hold GoogleTest, of which a program has one.
function(kvsift_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  if(CMAKE_CURRENT_SOURCE_DIR MATCHES "^${PROJECT_SOURCE_DIR}/tests/")
    add_library(kvsift_${name} STATIC ${arg_SOURCES})
  else()
    add_library(kvsift_${name} ${KVSIFT_LIBRARY_TYPE} ${arg_SOURCES})
    set_target_properties(kvsift_${name} PROPERTIES DEFINE_SYMBOL "")  # compiles as static does
    set_property(GLOBAL APPEND PROPERTY KVSIFT_LIBRARIES kvsift_${name})
  endif()
  add_library(kvsift::${name} ALIAS kvsift_${name})
  set_target_properties(kvsift_${name} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(kvsift_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/kvsift>)
  target_link_libraries(kvsift_${name}
    PUBLIC ${arg_PUBLIC} PRIVATE $<BUILD_INTERFACE:kvsift_build_rules> ${arg_PRIVATE})
  kvsift_precompile(kvsift_${name} ${arg_SOURCES})
endfunction()

# `programs` builds what a user runs and none of the tests.
add_custom_target(programs)

# kvsift_program(NAME SOURCES... [LIBS libs...])
# A program in bin/; installed with the project unless it is one of the tests'.
function(kvsift_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBS} kvsift_build_rules)
  kvsift_precompile(${name} ${arg_SOURCES})
  if(NOT CMAKE_CURRENT_SOURCE_DIR MATCHES "^${PROJECT_SOURCE_DIR}/tests/")
    add_dependencies(programs ${name})
    set_property(GLOBAL APPEND PROPERTY KVSIFT_PROGRAMS ${name})
  endif()
endfunction()
