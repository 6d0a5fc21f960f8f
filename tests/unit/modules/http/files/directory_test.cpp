// Listings: what is in them, and that no name can break out of its place.
#include "modules/http/files/directory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace berth::http {
namespace {

namespace fs = std::filesystem;
using Kind = DirectoryEntry::Kind;

class DirectoryTest : public ::testing::Test {
 protected:
    DirectoryTest() {
        char name[] = "/tmp/berth-directory-XXXXXX";
        folder_ = ::mkdtemp(name);
    }
    ~DirectoryTest() override { fs::remove_all(folder_); }
    std::string path(const std::string& name) const { return folder_ + "/" + name; }

    std::string folder_;
};

TEST_F(DirectoryTest, FoldersComeFirstAndDotsAreLeftOut) {
    std::ofstream(path("b.txt")) << "12345";
    std::ofstream(path("a.txt")) << "1";
    std::ofstream(path(".hidden")) << "1";
    fs::create_directory(path("z"));
    ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
    const auto entries = list_directory(folder_ + "/", {});
    ASSERT_TRUE(entries.ok());
    ASSERT_EQ(entries->size(), 4u);
    EXPECT_EQ((*entries)[0].name, "z");
    EXPECT_EQ((*entries)[0].kind, Kind::directory);
    EXPECT_EQ((*entries)[1].name, "a.txt");
    EXPECT_EQ((*entries)[2].name, "b.txt");
    EXPECT_EQ((*entries)[2].size, 5u);
    EXPECT_EQ((*entries)[3].kind, Kind::other);
}

TEST_F(DirectoryTest, LinksAreWhatTheyPointAtUnlessRefused) {
    fs::create_directory(path("folder"));
    fs::create_symlink("folder", path("link"));
    fs::create_symlink("nowhere", path("broken"));
    const auto followed = list_directory(folder_, {});
    ASSERT_TRUE(followed.ok());
    ASSERT_EQ(followed->size(), 3u);
    EXPECT_EQ((*followed)[1].name, "link");
    EXPECT_EQ((*followed)[1].kind, Kind::directory);
    EXPECT_EQ((*followed)[2].kind, Kind::other);
    OpenHow how;
    how.symlinks = Symlinks::refuse;
    const auto refused = list_directory(folder_, how);
    ASSERT_TRUE(refused.ok());
    ASSERT_EQ(refused->size(), 1u);
    EXPECT_EQ((*refused)[0].name, "folder");
}

TEST_F(DirectoryTest, ErrorsAreErrnos) {
    const auto missing = list_directory(path("missing"), {});
    ASSERT_FALSE(missing.ok());
    EXPECT_EQ(missing.error().code, ENOENT);
    std::ofstream(path("file")) << "1";
    const auto file = list_directory(path("file"), {});
    ASSERT_FALSE(file.ok());
    EXPECT_EQ(file.error().code, ENOTDIR);
}

constexpr std::time_t kTime = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT

TEST(ListingHtml, HasItsColumns) {
    const std::string html = listing_html(
        "/d/", {{"sub", Kind::directory, 4096, kTime}, {"file.txt", Kind::file, 12345, kTime}}, {});
    EXPECT_NE(html.find("<title>Index of /d/</title>"), html.npos);
    EXPECT_NE(html.find("<a href=\"sub/\">sub/</a>" + std::string(46, ' ') + " 06-Nov-1994 08:49" +
                        std::string(19, ' ') + "-\r\n"),
              html.npos)
        << html;
    EXPECT_NE(html.find("<a href=\"file.txt\">file.txt</a>" + std::string(42, ' ') + " 06-Nov-1994 08:49" +
                        std::string(15, ' ') + "12345\r\n"),
              html.npos)
        << html;
}

TEST(ListingHtml, RoundsSizesWhenAskedTo) {
    const ListingStyle rounded{false, false};
    const auto shows = [&](std::uint64_t size, const std::string& text) {
        return listing_html("/", {{"f", Kind::file, size, kTime}}, rounded).find(text + "\r\n") !=
               std::string::npos;
    };
    EXPECT_TRUE(shows(9999, "08:49    9999"));
    EXPECT_TRUE(shows(10000, "08:49     10K"));
    EXPECT_TRUE(shows(5 * 1024 * 1024, "08:49      5M"));
    EXPECT_TRUE(shows(3ULL << 30, "08:49      3G"));
}

TEST(ListingHtml, EscapesNamesInBothPlaces) {
    const std::string name = "\"><script>&'%?#:.txt";
    const std::string html = listing_html("/<b>/", {{name, Kind::file, 1, kTime}}, {});
    EXPECT_EQ(html.find("<script>"), html.npos);
    EXPECT_EQ(html.find("<b>"), html.npos);
    EXPECT_NE(html.find("href=\"%22%3E%3Cscript%3E%26"), html.npos) << html;
    EXPECT_NE(html.find("%25%3F%23%3A.txt\""), html.npos) << html;
}

TEST(ListingHtml, CutsLongNamesBetweenCharacters) {
    std::string name;
    for (int i = 0; i < 60; ++i) name += "\xC3\xA4";  // 60 characters of two bytes
    const std::string html = listing_html("/", {{name, Kind::file, 1, kTime}}, {});
    std::string shown;
    for (int i = 0; i < 47; ++i) shown += "\xC3\xA4";
    EXPECT_NE(html.find(">" + shown + "..&gt;</a> 06-Nov"), html.npos) << html;
}

TEST(ListingJson, IsValidWhateverTheNames) {
    EXPECT_EQ(listing_json({}), "[\r\n]");
    EXPECT_EQ(
        listing_json({{"a\"\\\n", Kind::file, 3, kTime}, {"d", Kind::directory, 0, kTime}}),
        "[\r\n{ \"name\":\"a\\\"\\\\\\n\", \"type\":\"file\", \"mtime\":\"Sun, 06 Nov 1994 08:49:37 GMT\", "
        "\"size\":3 },\r\n"
        "{ \"name\":\"d\", \"type\":\"directory\", \"mtime\":\"Sun, 06 Nov 1994 08:49:37 GMT\" }\r\n]");
}

TEST(ListingXml, EscapesNames) {
    const std::string xml =
        listing_xml({{"<&>\x01", Kind::file, 3, kTime}, {"d", Kind::directory, 0, kTime}});
    EXPECT_EQ(xml,
              "<?xml version=\"1.0\"?>\r\n<list>\r\n"
              "<file mtime=\"1994-11-06T08:49:37Z\" size=\"3\">&lt;&amp;&gt;?</file>\r\n"
              "<directory mtime=\"1994-11-06T08:49:37Z\">d</directory>\r\n</list>\r\n");
}

TEST(JsonpCallback, IsAName) {
    EXPECT_TRUE(valid_callback("a.b[0]_c"));
    EXPECT_FALSE(valid_callback(""));
    EXPECT_FALSE(valid_callback("alert(1)"));
    EXPECT_FALSE(valid_callback("a;b"));
}

}  // namespace
}  // namespace berth::http
