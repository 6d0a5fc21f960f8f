// Variables that tell which file is meant: $request_filename, $document_root, $realpath_root.
#include "modules/http/files/files.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "core/system/access.hpp"
#include "modules/http/request.hpp"
#include "modules/http/variables/groups.hpp"
#include "modules/http/variables/texts.hpp"

namespace berth::http {

namespace {

VariableText get_request_filename(VariableHost& host, std::uintptr_t) {
    const auto path = map_uri(as_request(host));
    return path ? text(*path) : VariableText::missing();
}

VariableText get_document_root(VariableHost& host, std::uintptr_t) {
    return text(document_root(as_request(host)));
}

// What the kernel already knows is asked of it without touching the disk: where an opened path really is.
bool resolve_cached(std::string_view path, std::array<char, PATH_MAX>& into) {
    OpenHow how;
    how.flags = O_PATH | O_DIRECTORY;
    how.cached_only = true;
    Result<FileDescriptor> folder = open_file(path, how);
    if (!folder) return false;
    const std::string link = "/proc/self/fd/" + std::to_string(folder->get());
    const ssize_t length = ::readlink(link.c_str(), into.data(), into.size() - 1);
    if (length <= 0) return false;
    into[static_cast<std::size_t>(length)] = '\0';
    return true;
}

VariableText get_realpath_root(VariableHost& host, std::uintptr_t) {
    Request& request = as_request(host);
    const std::string root(document_root(request));
    std::array<char, PATH_MAX> resolved{};
    if (!resolve_cached(root, resolved) && ::realpath(root.c_str(), resolved.data()) == nullptr) {
        request.log_at(LogLevel::crit, "{}", system_error("realpath", root, errno).message);
        return VariableText::missing();
    }
    return text(host.arena().copy(resolved.data()));
}

}  // namespace

void define_file_variables(Variables& variables) {
    variables.define("request_filename", get_request_filename, 0, Caching::never);
    variables.define("document_root", get_document_root, 0, Caching::never);
    variables.define("realpath_root", get_realpath_root, 0, Caching::never);
}

}  // namespace berth::http
