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
endfunction()

# `programs` builds what a user runs and none of the tests.
add_custom_target(programs)

# kvsift_program(NAME SOURCES... [LIBS libs...])
# A program in bin/; installed with the project unless it is one of the tests'.
function(kvsift_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBS} kvsift_build_rules)
  if(NOT CMAKE_CURRENT_SOURCE_DIR MATCHES "^${PROJECT_SOURCE_DIR}/tests/")
    add_dependencies(programs ${name})
    set_property(GLOBAL APPEND PROPERTY KVSIFT_PROGRAMS ${name})
  endif()
endfunction()
