// Variables that tell what was asked for: $request, $uri, $args, $host, $request_body and their like.
#include "modules/http/request.hpp"

#include <sys/random.h>

#include <algorithm>

#include "modules/http/protocol/uri.hpp"
#include "modules/http/server.hpp"
#include "modules/http/variables/groups.hpp"
#include "modules/http/variables/texts.hpp"

namespace berth::http {

namespace {

VariableText get_request(VariableHost& host, std::uintptr_t) {
    const std::string_view line = as_request(host).request_line();
    return {line, !line.empty()};
}

VariableText get_method(VariableHost& host, std::uintptr_t) {
    const std::string_view method = as_request(host).method_text();
    return {method, !method.empty()};
}

VariableText get_request_uri(VariableHost& host, std::uintptr_t) {
    return text_or_missing(as_request(host).request_uri());
}

VariableText get_uri(VariableHost& host, std::uintptr_t) { return text_or_missing(as_request(host).uri()); }

VariableText get_args(VariableHost& host, std::uintptr_t) { return text_or_missing(as_request(host).args()); }

void set_args(VariableHost& host, std::string_view value, std::uintptr_t) {
    as_request(host).set_args(value);
}

VariableText get_is_args(VariableHost& host, std::uintptr_t) {
    return text(as_request(host).args().empty() ? "" : "?");
}

VariableText get_argument(VariableHost& host, std::uintptr_t name) {
    const auto value = find_argument(as_request(host).args(), reinterpret_cast<const char*>(name));
    return value ? text(*value) : VariableText::missing();
}

// The Host the client named, else the first name of the server.
VariableText get_host(VariableHost& host, std::uintptr_t) {
    const Request& request = as_request(host);
    return text(request.host().empty() ? request.server().name() : request.host());
}

VariableText get_request_port(VariableHost& host, std::uintptr_t) {
    const std::uint16_t port = as_request(host).host_port();
    return port != 0 ? number(host, port) : text("");
}

VariableText get_is_request_port(VariableHost& host, std::uintptr_t) {
    return text(as_request(host).host_port() != 0 ? ":" : "");
}

VariableText get_scheme(VariableHost& host, std::uintptr_t) {
    return text(as_request(host).stream().connection().transport().encrypted() ? "https" : "http");
}

VariableText get_https(VariableHost& host, std::uintptr_t) {
    return text(as_request(host).stream().connection().transport().encrypted() ? "on" : "");
}

VariableText get_body(VariableHost& host, std::uintptr_t) {
    const RequestBody& body = as_request(host).body();
    return body.text().empty() ? VariableText::missing() : text(body.text());
}

VariableText get_body_file(VariableHost& host, std::uintptr_t) {
    const RequestBody& body = as_request(host).body();
    return body.file_path().empty() ? VariableText::missing() : text(body.file_path());
}

VariableText get_request_length(VariableHost& host, std::uintptr_t) {
    return number(host, as_request(host).stream().bytes_received());
}

VariableText get_completion(VariableHost& host, std::uintptr_t) {
    return text(as_request(host).response_complete() ? "OK" : "");
}

// Random bytes, asked of the kernel for many requests at once.
class RandomBytes {
 public:
    std::string_view take() {
        if (used_ == bytes_.size()) fill();
        used_ += kSize;
        return {bytes_.data() + used_ - kSize, kSize};
    }

 private:
    static constexpr std::size_t kSize = 16;

    void fill() {
        // Up to 256 bytes are never given in part, and the call cannot fail once the system is up.
        while (::getrandom(bytes_.data(), bytes_.size(), 0) != static_cast<ssize_t>(bytes_.size())) {}
        used_ = 0;
    }

    std::array<char, 256> bytes_;
    std::size_t used_ = 256;
};

VariableText get_request_id(VariableHost& host, std::uintptr_t) {
    static constexpr char kDigits[] = "0123456789abcdef";
    thread_local RandomBytes random;
    const std::string_view bytes = random.take();
    auto id = host.arena().array<char>(bytes.size() * 2);
    char* to = id.data();
    for (const char byte : bytes) {
        *to++ = kDigits[static_cast<unsigned char>(byte) >> 4];
        *to++ = kDigits[static_cast<unsigned char>(byte) & 15];
    }
    return text({id.data(), id.size()});
}

}  // namespace

void define_request_variables(Variables& variables) {
    variables.define("request", get_request);
    variables.define("request_method", get_method);
    variables.define("request_uri", get_request_uri);
    variables.define("uri", get_uri, 0, Caching::never);
    variables.define("document_uri", get_uri, 0, Caching::never);
    variables.define("args", get_args, 0, Caching::never).set = set_args;
    variables.define("query_string", get_args, 0, Caching::never);
    variables.define("is_args", get_is_args, 0, Caching::never);
    variables.define_prefix("arg_", get_argument, Caching::never);
    variables.define("host", get_host);
    variables.define("request_port", get_request_port);
    variables.define("is_request_port", get_is_request_port);
    variables.define("scheme", get_scheme);
    variables.define("https", get_https);
    variables.define("request_body", get_body, 0, Caching::never);
    variables.define("request_body_file", get_body_file, 0, Caching::never);
    variables.define("request_length", get_request_length, 0, Caching::never);
    variables.define("request_completion", get_completion, 0, Caching::never);
    variables.define("request_id", get_request_id);
}

}  // namespace berth::http
