// Reading and writing of directory listings.
#include "modules/http/files/directory.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "core/text/ascii.hpp"
#include "core/text/escape.hpp"
#include "core/time/http_date.hpp"

namespace berth::http {
namespace {

struct CloseDirectory {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

class ListJob final : public Job {
 public:
    ListJob(std::string_view path, OpenHow how) : path_(path), how_(how) {}
    Result<std::vector<DirectoryEntry>> take() { return std::move(*result_); }

 private:
    void execute() noexcept override { result_.emplace(list_directory(path_, how_)); }

    std::string path_;
    OpenHow how_;
    std::optional<Result<std::vector<DirectoryEntry>>> result_;
};

DirectoryEntry::Kind kind_of_mode(mode_t mode) noexcept {
    if (S_ISDIR(mode)) return DirectoryEntry::Kind::directory;
    return S_ISREG(mode) ? DirectoryEntry::Kind::file : DirectoryEntry::Kind::other;
}

bool before(const DirectoryEntry& a, const DirectoryEntry& b) {
    const bool a_folder = a.kind == DirectoryEntry::Kind::directory;
    const bool b_folder = b.kind == DirectoryEntry::Kind::directory;
    return a_folder != b_folder ? a_folder : a.name < b.name;
}

bool continues(char c) noexcept { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// How many columns UTF-8 text takes, counting one for a character.
std::size_t columns(std::string_view text) noexcept {
    return text.size() - static_cast<std::size_t>(std::count_if(text.begin(), text.end(), continues));
}

std::string_view first_columns(std::string_view text, std::size_t count) noexcept {
    std::size_t at = 0;
    while (at < text.size() && (count > 0 || continues(text[at]))) {
        if (!continues(text[at])) --count;
        ++at;
    }
    return text.substr(0, at);
}

void pad_left(std::string& out, std::string_view text, std::size_t width) {
    if (text.size() < width) out.append(width - text.size(), ' ');
    out += text;
}

std::string short_size(std::uint64_t size) {
    constexpr std::uint64_t kKilo = 1024;
    constexpr std::uint64_t kMega = kKilo * 1024;
    constexpr std::uint64_t kGiga = kMega * 1024;
    const auto rounded = [size](std::uint64_t unit) { return std::to_string((size + unit / 2) / unit); };
    if (size > kGiga - 1) return rounded(kGiga) + "G";
    if (size > kMega - 1) return rounded(kMega) + "M";
    if (size > 9999) return rounded(kKilo) + "K";
    return std::to_string(size);
}

std::string time_text(std::time_t time, bool local, const char* pattern) {
    std::tm parts{};
    if (local) {
        ::localtime_r(&time, &parts);
    } else {
        ::gmtime_r(&time, &parts);
    }
    char text[40];
    return std::string(text, std::strftime(text, sizeof text, pattern, &parts));
}

std::string month_time(std::time_t time, bool local) {
    constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm parts{};
    if (local) {
        ::localtime_r(&time, &parts);
    } else {
        ::gmtime_r(&time, &parts);
    }
    return time_text(time, local, "%d-") + std::string(kMonths[parts.tm_mon]) +
           time_text(time, local, "-%Y %H:%M");
}

void append_row(std::string& out, const DirectoryEntry& entry, ListingStyle style) {
    constexpr std::size_t kNameColumns = 50;
    constexpr std::size_t kExactColumns = 19;
    constexpr std::size_t kShortColumns = 7;
    const bool folder = entry.kind == DirectoryEntry::Kind::directory;
    const std::string name = entry.name + (folder ? "/" : "");
    out += "<a href=\"";
    escape_uri(out, entry.name, UriPart::component);
    out += folder ? "/\">" : "\">";
    const std::size_t width = columns(name);
    if (width > kNameColumns) {
        escape_html(out, first_columns(name, kNameColumns - 3));
        out += "..&gt;</a>";
    } else {
        escape_html(out, name);
        out += "</a>";
        out.append(kNameColumns - width, ' ');
    }
    out += ' ' + month_time(entry.modified, style.localtime) + ' ';
    const std::string size = style.exact_size ? std::to_string(entry.size) : short_size(entry.size);
    pad_left(out, folder ? "-" : size, style.exact_size ? kExactColumns : kShortColumns);
    out += "\r\n";
}

constexpr std::string_view kKindNames[] = {"file", "directory", "other"};

// Character data of XML 1.0, which has no way to write most control characters.
void escape_xml(std::string& out, std::string_view text) {
    std::string plain(text);
    std::replace_if(
        plain.begin(), plain.end(), [](char c) { return ascii::is_control(c) && c != '\t'; }, '?');
    escape_html(out, plain);
}

}  // namespace

Result<std::vector<DirectoryEntry>> list_directory(std::string_view path, OpenHow how) {
    how.flags = O_RDONLY | O_DIRECTORY;
    Result<FileDescriptor> fd = open_file(path, how);
    if (!fd) return fd.error();
    const std::unique_ptr<DIR, CloseDirectory> directory(::fdopendir(fd->get()));
    if (!directory) return system_error("opendir", path, errno);
    const int base = fd->release();
    std::vector<DirectoryEntry> entries;
    while (const dirent* read = ::readdir(directory.get())) {
        if (read->d_name[0] == '.') continue;
        OpenHow look;
        look.flags = O_PATH;
        look.symlinks = how.symlinks;
        const Result<FileDescriptor> entry = how.symlinks == Symlinks::follow
                                                 ? Result<FileDescriptor>(FileDescriptor())
                                                 : open_beneath(base, read->d_name, look);
        if (!entry) continue;
        struct stat status {};
        const int result =
            *entry ? ::fstat(entry->get(), &status) : ::fstatat(base, read->d_name, &status, 0);
        // A link to nowhere is shown as what it is.
        if (result != 0 && ::fstatat(base, read->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
        entries.push_back({read->d_name, kind_of_mode(status.st_mode),
                           static_cast<std::uint64_t>(status.st_size), status.st_mtim.tv_sec});
    }
    std::sort(entries.begin(), entries.end(), before);
    return entries;
}

Async<Result<std::vector<DirectoryEntry>>> read_directory(Scope& scope, ThreadPool& pool,
                                                          std::string_view path, OpenHow how) {
    auto job = std::make_unique<ListJob>(path, how);
    std::unique_ptr<ListJob> done = co_await pool.perform(scope, std::move(job));
    if (done == nullptr) co_return Error("thread pool queue overflow", EAGAIN);
    co_return done->take();
}

std::string listing_html(std::string_view uri, const std::vector<DirectoryEntry>& entries,
                         ListingStyle style) {
    std::string title;
    escape_html(title, uri);
    std::string out = "<html>\r\n<head><title>Index of " + title +
                      "</title></head>\r\n<body>\r\n<h1>Index of " + title +
                      "</h1><hr><pre><a href=\"../\">../</a>\r\n";
    for (const DirectoryEntry& entry : entries) append_row(out, entry, style);
    out += "</pre><hr></body>\r\n</html>\r\n";
    return out;
}

std::string listing_json(const std::vector<DirectoryEntry>& entries) {
    std::string out = "[";
    std::string_view separator = "\r\n";
    for (const DirectoryEntry& entry : entries) {
        out += separator;
        separator = ",\r\n";
        out += "{ \"name\":\"";
        escape_json(out, entry.name);
        out += "\", \"type\":\"";
        out += kKindNames[static_cast<std::size_t>(entry.kind)];
        out += "\", \"mtime\":\"" + http_date(entry.modified) + '"';
        if (entry.kind == DirectoryEntry::Kind::file) out += ", \"size\":" + std::to_string(entry.size);
        out += " }";
    }
    out += "\r\n]";
    return out;
}

std::string listing_xml(const std::vector<DirectoryEntry>& entries) {
    std::string out = "<?xml version=\"1.0\"?>\r\n<list>\r\n";
    for (const DirectoryEntry& entry : entries) {
        const std::string_view kind = kKindNames[static_cast<std::size_t>(entry.kind)];
        out += '<';
        out += kind;
        out += " mtime=\"" + time_text(entry.modified, false, "%Y-%m-%dT%H:%M:%SZ") + '"';
        if (entry.kind == DirectoryEntry::Kind::file) out += " size=\"" + std::to_string(entry.size) + '"';
        out += '>';
        escape_xml(out, entry.name);
        out += "</";
        out += kind;
        out += ">\r\n";
    }
    out += "</list>\r\n";
    return out;
}

bool valid_callback(std::string_view name) noexcept {
    if (name.empty()) return false;
    return std::all_of(name.begin(), name.end(), [](char c) {
        return ascii::is_alnum(c) || c == '_' || c == '.' || c == '[' || c == ']';
    });
}

}  // namespace berth::http
