// Writing servers, and a file that is never half written.
#include "modules/upstream/state_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/config/words.hpp"
#include "core/system/file_descriptor.hpp"

namespace berth::upstream {

namespace {

std::string time_text(Milliseconds time) {
    const auto count = time.count();
    return count % 1000 == 0 ? fmt::format("{}s", count / 1000) : fmt::format("{}ms", count);
}

std::string server_line(const Server& server) {
    const Parameters defaults;
    const Parameters& its = server.parameters;
    std::string line = "server " + quote_word(server.name, Punctuation::special);
    if (its.weight != defaults.weight) line += fmt::format(" weight={}", its.weight);
    if (its.max_conns != defaults.max_conns) line += fmt::format(" max_conns={}", its.max_conns);
    if (its.max_fails != defaults.max_fails) line += fmt::format(" max_fails={}", its.max_fails);
    if (its.fail_timeout != defaults.fail_timeout) line += " fail_timeout=" + time_text(its.fail_timeout);
    if (its.slow_start != defaults.slow_start) line += " slow_start=" + time_text(its.slow_start);
    if (!server.route.empty()) line += " " + quote_word("route=" + server.route, Punctuation::special);
    if (!server.service.empty()) line += " " + quote_word("service=" + server.service, Punctuation::special);
    if (server.resolve) line += " resolve";
    if (its.backup) line += " backup";
    if (its.down) line += " down";
    if (its.drain) line += " drain";
    return line + ";\n";
}

Result<void> write_all(int fd, std::string_view text, const std::string& path) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return system_error("write", path, errno);
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

}  // namespace

std::string write_servers(std::string_view upstream, std::span<const Server> servers) {
    std::string text = fmt::format(
        "# The servers of upstream \"{}\", written by \"server upstream …\": they take the place of those\n"
        "# that stand in the configuration. Without this file those are used again.\n",
        upstream);
    for (const Server& server : servers) text += server_line(server);
    return text;
}

StateFile::~StateFile() {
    if (prepared_) ::unlink(new_path().c_str());
}

Result<void> StateFile::prepare(std::string_view text) {
    const std::string path = new_path();
    // One that was left behind, by whomever, is not written through.
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_error("unlink", path, errno);
    struct stat before {};
    const bool replaces = ::stat(path_.c_str(), &before) == 0;
    const mode_t mode = replaces ? before.st_mode & 0777U : 0644U;
    const FileDescriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!fd) return system_error("open", path, errno);
    prepared_ = true;
    // The umask is for new files only.
    if (replaces && ::fchmod(fd.get(), mode) != 0) return system_error("fchmod", path, errno);
    if (Result<void> written = write_all(fd.get(), text, path); !written) return written;
    if (::fsync(fd.get()) != 0) return system_error("fsync", path, errno);
    return {};
}

Result<void> StateFile::commit() {
    if (::rename(new_path().c_str(), path_.c_str()) != 0) return system_error("rename", path_, errno);
    prepared_ = false;
    return {};
}

Result<void> StateFile::settle() const {
    const std::string folder = path_.substr(0, path_.rfind('/') + 1);
    const FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return system_error("open", folder, errno);
    // Some file systems know no such thing, and need none.
    if (::fsync(fd.get()) != 0 && errno != EINVAL) return system_error("fsync", folder, errno);
    return {};
}

}  // namespace berth::upstream
