# Manual pages, completion, the systemd unit, and packages of all that: `cpack` makes a .tar.gz, and
# on Debian a .deb of each component (deploy/packages/README.md).
set(kvsift_packages ${PROJECT_SOURCE_DIR}/deploy/packages)

# kvsift_program_pages(PROGRAM COMPONENT): the manual page and completion of a program, from its
# --help.
function(kvsift_program_pages program component)
  set(pages ${PROJECT_BINARY_DIR}/pages)
  file(MAKE_DIRECTORY ${pages}/completions)
  add_custom_command(
    OUTPUT ${pages}/${program}.1.gz ${pages}/completions/${program}
    COMMAND ${Python3_EXECUTABLE} -B ${kvsift_packages}/man_page.py
            $<TARGET_FILE:${program}> ${PROJECT_VERSION} ${pages}/${program}.1.gz
    COMMAND ${Python3_EXECUTABLE} -B ${kvsift_packages}/completion.py
            $<TARGET_FILE:${program}> ${pages}/completions/${program}
    DEPENDS ${program} ${kvsift_packages}/program_help.py ${kvsift_packages}/man_page.py
            ${kvsift_packages}/completion.py
    VERBATIM)
  add_custom_target(${program}-pages ALL
    DEPENDS ${pages}/${program}.1.gz ${pages}/completions/${program})
  add_dependencies(programs ${program}-pages)
  install(FILES ${pages}/${program}.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
          COMPONENT ${component})
  install(FILES ${pages}/completions/${program}
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
          COMPONENT ${component})
endfunction()

if(KVSIFT_SERVICE)
  find_package(Python3 COMPONENTS Interpreter)
  if(Python3_FOUND AND NOT CMAKE_CROSSCOMPILING)
    kvsift_program_pages(kvsift-server server)
    kvsift_program_pages(kvsift clients)
    kvsift_program_pages(kvsift-load clients)
  else()
    message(STATUS "kvsift: no Python here, so no manual pages and no completion")
  endif()
  install(FILES ${kvsift_packages}/kvsift-server.service DESTINATION lib/systemd/system
          COMPONENT server)
  install(FILES ${kvsift_packages}/kvsift-server.tmpfiles DESTINATION lib/tmpfiles.d
          RENAME kvsift-server.conf COMPONENT server)
  install(FILES ${kvsift_packages}/kvsift.conf DESTINATION ${CMAKE_INSTALL_DATADIR}/kvsift
          COMPONENT server)
  # At places that only a package may write to; no other installation has them.
  install(FILES ${kvsift_packages}/kvsift.conf DESTINATION /etc/kvsift
          COMPONENT server-etc EXCLUDE_FROM_ALL)
  foreach(names "server;kvsift-server" "clients;kvsift" "development;libkvsift-dev")
    list(GET names 0 component)
    list(GET names 1 package)
    install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package} RENAME copyright
            COMPONENT ${component}-copyright EXCLUDE_FROM_ALL)
  endforeach()
endif()

set(CPACK_GENERATOR TGZ)
find_program(KVSIFT_DPKG_SHLIBDEPS dpkg-shlibdeps)
mark_as_advanced(KVSIFT_DPKG_SHLIBDEPS)
if(KVSIFT_SERVICE AND KVSIFT_DPKG_SHLIBDEPS)
  list(APPEND CPACK_GENERATOR DEB)
endif()
set(CPACK_PACKAGE_VENDOR kvsift)
set(CPACK_PACKAGE_CONTACT "kvsift <kvsift@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL server server-etc server-copyright clients clients-copyright development
                         development-copyright)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
foreach(component ${CPACK_COMPONENTS_ALL})
  string(REGEX REPLACE "-.*" "" group ${component})
  string(TOUPPER ${component} upper)
  set(CPACK_COMPONENT_${upper}_GROUP ${group}_package)
endforeach()

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_SERVER_PACKAGE_PACKAGE_NAME kvsift-server)
set(CPACK_DEBIAN_SERVER_PACKAGE_PACKAGE_SECTION net)
set(CPACK_DEBIAN_SERVER_PACKAGE_DESCRIPTION "The server of kvsift, with its systemd unit.")
set(CPACK_DEBIAN_SERVER_PACKAGE_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_SERVER_PACKAGE_PACKAGE_SUGGESTS kvsift)
set(CPACK_DEBIAN_SERVER_PACKAGE_PACKAGE_CONTROL_EXTRA
    ${kvsift_packages}/deb/postinst ${kvsift_packages}/deb/prerm ${kvsift_packages}/deb/postrm
    ${kvsift_packages}/deb/conffiles)
set(CPACK_DEBIAN_CLIENTS_PACKAGE_PACKAGE_NAME kvsift)
set(CPACK_DEBIAN_CLIENTS_PACKAGE_PACKAGE_SECTION net)
set(CPACK_DEBIAN_CLIENTS_PACKAGE_DESCRIPTION "The command line and the load tester of kvsift.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_PACKAGE_NAME libkvsift-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DESCRIPTION "For C++ projects: the client of kvsift and its engine, as static libraries.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_PACKAGE_DEPENDS
    "libabsl-dev, libgrpc++-dev, libhwy-dev, libprotobuf-dev, libxxhash-dev")
include(CPack)
