# Joins the page's files into one string: cmake -DPAGE=folder -DOUTPUT=file.cc -P embed.cmake
file(READ "${PAGE}/report.html" page)
file(READ "${PAGE}/style.css" style)
set(script "")
foreach(part text chart report over_time)
  file(READ "${PAGE}/${part}.js" text)
  string(APPEND script "${text}\n")
endforeach()
string(REPLACE "@STYLE@" "${style}" page "${page}")
string(REPLACE "@SCRIPT@" "${script}" page "${page}")
file(WRITE "${OUTPUT}" "#include \"client/load/report_page_text.h\"

namespace kvsift::load {

const std::string_view kReportPageText = R\"kvsift_page(${page})kvsift_page\";

}  // namespace kvsift::load
")
