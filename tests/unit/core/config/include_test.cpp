// Reading files: includes of both syntaxes, globs, loops, folders, and what stands on the command line.
#include "core/config/include.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "test_grammar.hpp"

namespace berth::test {
namespace {

using testing::HasSubstr;

class Include : public testing::Test {
 protected:
    Include() {
        std::string name = (std::filesystem::temp_directory_path() / "berth-include-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
    }
    ~Include() override { std::filesystem::remove_all(folder_); }

    void file(const std::string& name, std::string_view text) {
        const auto path = folder_ / name;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << text;
    }
    std::string path(const std::string& name) const { return (folder_ / name).string(); }
    Reading read_file(const std::string& name, std::string_view extra = {}) const {
        Reading reading;
        reading.ok = read_config(path(name), extra, small_grammar(), reading.tree, reading.diagnostics);
        return reading;
    }

    std::filesystem::path folder_;
};

TEST_F(Include, PutsFilesInPlaceInBothSyntaxes) {
    file("nginx.conf", "http { root a; include server.yaml; include more/gzip.conf; gzip_types x; }");
    file("server.yaml", "server: [{listen: 80}, {include: location.conf}]");
    file("location.conf", "location / { include deep.yaml; }");
    file("deep.yaml", "root: /deep\nproxy_set_header: {A: b}\n");
    file("more/gzip.conf", "gzip on;\n");
    EXPECT_EQ(dump(read_file("nginx.conf")),
              "[http]{[root](a);[server]{[listen](80);}[server]{[location](/){[root](/"
              "deep);[proxy_set_header](A)(b);}}"
              "[gzip](on);[gzip_types](x);}");
}

TEST_F(Include, WorksInDataBlocks) {
    file("cluster.yaml",
         "http:\n  types: {include: [a.types, b.yaml]}\n  map $a $b: {include: c.map, x: y}\n");
    file("a.types", "text/html html;\n");
    file("b.yaml", "image/png: png\n");
    file("c.map", "include 1 2;\n");
    EXPECT_EQ(dump(read_file("cluster.yaml")),
              "[http]{[types]{[text/html](html);[image/png](png);}[map]($a)($b){[include](1)(2);[x](y);}}");
}

TEST_F(Include, GlobsAreSortedAndMayMatchNothing) {
    file("nginx.conf", "http { include sites/*.conf; include none/*.conf; include sites/[x]*; }");
    file("sites/b.conf", "root b;");
    file("sites/a.conf", "gzip on;");
    EXPECT_EQ(dump(read_file("nginx.conf")), "[http]{[gzip](on);[root](b);}");
}

TEST_F(Include, APlainNameMustExist) {
    file("nginx.conf", "http {\n  include nowhere.conf;\n}");
    const Reading reading = read_file("nginx.conf");
    EXPECT_FALSE(reading.ok);
    EXPECT_THAT(reading.report(), HasSubstr("nginx.conf:2:11: error: open() \""));
    EXPECT_THAT(reading.report(), HasSubstr("failed (2: No such file or directory)"));
    EXPECT_THAT(read_file("absent.conf").report(), HasSubstr("conf: error: open() \""));
    file("folder/x", "");
    EXPECT_FALSE(read_file("folder").ok);
}

TEST_F(Include, ErrorsPointIntoTheIncludedFile) {
    file("nginx.conf", "http { include sub/a.yaml; }");
    file("sub/a.yaml", "root: a\nroot: b\n");
    EXPECT_THAT(read_file("nginx.conf").report(), HasSubstr("sub/a.yaml:2:1: error: the key \"root\""));
}

// A file that cannot be parsed hides what is in it, not what is wrong elsewhere.
TEST_F(Include, NamesAreCheckedInTheFilesThatCouldBeRead) {
    file("cluster.yaml", "wroker_processes: 1\nhttp:\n  include: [a.yaml, b.conf, c.conf, none.conf]\n");
    file("a.yaml", "server: {listen: 80\nroot: /x\n");
    file("b.conf", "server { listne 80; map $a $b { listne 1; } types { listne 1; } }");
    file("c.conf", "server { root /x } listen 1;");
    const std::string report = read_file("cluster.yaml").report();
    EXPECT_THAT(report, HasSubstr("cluster.yaml:1:1: error: unknown directive \"wroker_processes\""));
    EXPECT_THAT(report, HasSubstr("a.yaml:"));
    EXPECT_THAT(report, HasSubstr("b.conf:1:10: error: unknown directive \"listne\" in server"));
    EXPECT_THAT(report, HasSubstr("\"map\" belongs in http, not in server"));
    EXPECT_THAT(report, HasSubstr("c.conf:"));
    EXPECT_THAT(report, HasSubstr("none.conf"));
    EXPECT_THAT(report, HasSubstr("6 errors"));

    file("nginx.conf", "http { server { listen 80 } include b.conf;");
    EXPECT_THAT(read_file("nginx.conf").report(), testing::Not(HasSubstr("listne")))
        << "it is not known where b.conf is included";
}

TEST_F(Include, LoopsShowTheirChain) {
    file("a.conf", "include b.conf;");
    file("b.conf", "include c.yaml;");
    file("c.yaml", "include: a.conf\n");
    const Reading reading = read_file("a.conf");
    EXPECT_EQ(reading.diagnostics.errors(), 1U);
    EXPECT_THAT(reading.report(),
                HasSubstr("files include each other: " + path("a.conf") + " -> " + path("b.conf") + " -> " +
                          path("c.yaml") + " -> " + path("a.conf")));
}

TEST_F(Include, DepthIsLimited) {
    for (int i = 0; i < 20; ++i) {
        file("f" + std::to_string(i) + ".conf", "include f" + std::to_string(i + 1) + ".conf;");
    }
    EXPECT_THAT(read_file("f0.conf").report(), HasSubstr("too many files include each other"));
}

TEST_F(Include, AFileIncludedTwiceIsOneSource) {
    file("nginx.conf", "http { server { include s.conf; } server { include s.conf; } }");
    file("s.conf", "listen 80;");
    const Reading reading = read_file("nginx.conf");
    EXPECT_EQ(dump(reading), "[http]{[server]{[listen](80);}[server]{[listen](80);}}");
    EXPECT_EQ(reading.tree.sources.size(), 2U);
}

TEST_F(Include, TakesOneFile) {
    file("nginx.conf", "include a b;");
    EXPECT_THAT(read_file("nginx.conf").report(), HasSubstr("\"include\" takes one file or pattern"));
}

TEST_F(Include, CommandLineDirectivesComeFirst) {
    file("nginx.conf", "worker_processes 1;");
    EXPECT_EQ(dump(read_file("nginx.conf", "daemon off;")), "[daemon](off);[worker_processes](1);");
    EXPECT_THAT(read_file("nginx.conf", "daemon off").report(),
                HasSubstr("command line:1:1: error: directive \"daemon\""));
}

TEST_F(Include, AFolderMeansItsClusterYaml) {
    EXPECT_EQ(find_config(path("nowhere")), path("nowhere"));
    EXPECT_EQ(find_config(folder_.string()), path("cluster.yaml"));
    file("nginx.conf", "");
    EXPECT_EQ(find_config(folder_.string() + "/"), path("nginx.conf"));
    file("cluster.yaml", "");
    EXPECT_EQ(find_config(folder_.string()), path("cluster.yaml"));
    EXPECT_EQ(find_config(path("nginx.conf")), path("nginx.conf"));
}

TEST(SyntaxOf, GoesByTheName) {
    EXPECT_EQ(syntax_of("a/b.yaml"), Syntax::yaml);
    EXPECT_EQ(syntax_of("b.yml"), Syntax::yaml);
    EXPECT_EQ(syntax_of("b.conf"), Syntax::nginx);
    EXPECT_EQ(syntax_of("mime.types"), Syntax::nginx);
    EXPECT_EQ(syntax_of("yaml"), Syntax::nginx);
}

}  // namespace
}  // namespace berth::test
