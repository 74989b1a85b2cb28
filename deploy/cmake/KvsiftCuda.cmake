# KVSIFT_CUDA=AUTO|ON|OFF: enables the CUDA language where a toolkit is present, and sets
# KVSIFT_HAS_CUDA. ON without a toolkit is fatal. KVSIFT_CUDA_RUNTIME is what GPU code links.
set(KVSIFT_HAS_CUDA OFF)
if(NOT KVSIFT_CUDA)
  return()
endif()

if(NOT CMAKE_CUDA_COMPILER AND EXISTS /usr/local/cuda/bin/nvcc)
  set(CMAKE_CUDA_COMPILER /usr/local/cuda/bin/nvcc)
endif()
set(CMAKE_CUDA_ARCHITECTURES 90 CACHE STRING
    "What GPU code is compiled for: one architecture, to compile fast; the bundle has them all")
include(CheckLanguage)
check_language(CUDA)
if(CMAKE_CUDA_COMPILER)
  enable_language(CUDA)
  find_package(CUDAToolkit REQUIRED)
  set(KVSIFT_HAS_CUDA ON)
  # A bundle's GPU code is a library of its own, and all that use it share one runtime.
  set(KVSIFT_CUDA_RUNTIME $<IF:$<BOOL:${KVSIFT_BUNDLE}>,CUDA::cudart,CUDA::cudart_static>)
  message(STATUS "kvsift: CUDA ${CUDAToolkit_VERSION} for ${CMAKE_CUDA_ARCHITECTURES}")
elseif(KVSIFT_CUDA STREQUAL "AUTO")
  message(STATUS "kvsift: no CUDA compiler, so no backend for GPUs")
else()
  message(FATAL_ERROR "KVSIFT_CUDA=${KVSIFT_CUDA}, but there is no CUDA compiler")
endif()
