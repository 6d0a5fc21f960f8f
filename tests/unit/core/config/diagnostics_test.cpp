// The report: order, carets, tabs, long lines, the summary.
#include "core/config/diagnostics.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

Source source(std::string path, std::string text) { return {std::move(path), std::move(text), Syntax::yaml}; }

TEST(Diagnostics, ShowsTheLineAndWhatWasMeant) {
    std::string text;
    for (int i = 1; i < 12; ++i) text += "#\n";
    const Source file = source("conf/cluster.yaml", text + "      proxy_passs: http://app\n");
    Diagnostics found;
    found.error({&file, 12, 7, 11}, "unknown directive \"proxy_passs\" in location",
                "did you mean \"proxy_pass\"?");
    found.error({&file, 1, 1, 1}, "another");
    EXPECT_EQ(found.report("conf/cluster.yaml"),
              "conf/cluster.yaml:1:1: error: another\n"
              "    1 | #\n"
              "      | ^\n"
              "conf/cluster.yaml:12:7: error: unknown directive \"proxy_passs\" in location\n"
              "   12 |       proxy_passs: http://app\n"
              "      |       ^~~~~~~~~~~ did you mean \"proxy_pass\"?\n"
              "conf/cluster.yaml: 2 errors; configuration not applied\n");
}

TEST(Diagnostics, SortsByFileThenLineThenColumn) {
    const Source a = source("a", "xyz\nxyz");
    const Source b = source("b", "xyz");
    Diagnostics found;
    found.error({&b, 1, 1, 1}, "first file seen");
    found.error({&a, 2, 1, 1}, "three");
    found.warning({&a, 1, 3, 1}, "two");
    found.error({&a, 1, 1, 1}, "one");
    const std::string report = found.report("a");
    EXPECT_LT(report.find("first file"), report.find("one"));
    EXPECT_LT(report.find("one"), report.find("two"));
    EXPECT_LT(report.find("two"), report.find("three"));
    EXPECT_TRUE(report.ends_with("a: 3 errors, 1 warning; configuration not applied\n"));
    EXPECT_EQ(found.errors(), 3U);
}

TEST(Diagnostics, TabsAndWideCharactersKeepTheCaretInPlace) {
    const Source file = source("f", "\t\xC3\xA9 bad\r\n");
    Diagnostics found;
    found.error({&file, 1, 5, 3}, "m");
    EXPECT_EQ(found.report("f"),
              "f:1:5: error: m\n    1 |     \xC3\xA9 bad\n      |       ^~~\nf: 1 error; configuration not "
              "applied\n");
}

TEST(Diagnostics, ControlCharactersDoNotReachTheTerminal) {
    const Source file = source("f", "a\x1b[31mb");
    Diagnostics found;
    found.error({&file, 1, 1, 1}, "m");
    EXPECT_EQ(found.report("f").find('\x1b'), std::string::npos);
}

TEST(Diagnostics, LongLinesAreCutAroundTheCaret) {
    const Source file = source("f", std::string(5000, 'a') + "HERE" + std::string(5000, 'b'));
    Diagnostics found;
    found.error({&file, 1, 5001, 4}, "m");
    const std::string report = found.report("f");
    const std::size_t line = report.find("    1 | ") + 8;
    const std::size_t caret = report.find("      | ") + 8;
    const std::string shown = report.substr(line, report.find('\n', line) - line);
    EXPECT_TRUE(shown.starts_with("...a"));
    EXPECT_TRUE(shown.ends_with("b..."));
    EXPECT_EQ(report.find('^', caret) - caret, shown.find("HERE"));
    EXPECT_LT(report.size(), 400U);
}

TEST(Diagnostics, ACaretBehindTheLineAndLinesThatDoNotExist) {
    const Source file = source("f", "ab");
    Diagnostics found;
    found.error({&file, 1, 3, 1}, "end");
    found.error({&file, 7, 1, 1}, "nowhere");
    EXPECT_NE(found.report("f").find("    1 | ab\n      |   ^\n"), std::string::npos);
    EXPECT_NE(found.report("f").find("    7 | \n      | ^\n"), std::string::npos);
}

TEST(Diagnostics, WithoutAPlaceTheFileSpeaks) {
    const Source file = source("big.yaml", "");
    Diagnostics found;
    found.error({}, "open() \"x\" failed", "is it there?");
    found.warning({&file, 0, 0, 0}, "too large");
    EXPECT_EQ(found.report("conf"),
              "conf: error: open() \"x\" failed; is it there?\nbig.yaml: warning: too large\n"
              "conf: 1 error, 1 warning; configuration not applied\n");
}

TEST(Diagnostics, NothingFoundSaysNothing) {
    EXPECT_EQ(Diagnostics().report("f"), "");
    Diagnostics found;
    found.warning({}, "m");
    EXPECT_FALSE(found.failed());
    EXPECT_TRUE(found.report("f").ends_with("f: 1 warning\n"));
}

}  // namespace
}  // namespace berth
