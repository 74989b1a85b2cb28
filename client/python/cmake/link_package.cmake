# Makes the package importable from the build tree: links every part of SOURCE into PACKAGE, beside
# the extension module. Run by each build, because a part may be new.
file(GLOB parts "${SOURCE}/*")
foreach(part ${parts})
  get_filename_component(name ${part} NAME)
  if(NOT name STREQUAL "__pycache__")
    file(CREATE_LINK ${part} ${PACKAGE}/${name} SYMBOLIC)
  endif()
endforeach()
