// Client: a raw HTTP/1 client that sees everything: what is kept alive, what is closed, and how.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berth::test {

struct Response {
    int status = 0;  // 0: there was none
    std::string reason;
    std::string head;  // the whole of it, as it came
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;       // chunks joined
    bool complete = false;  // to its last byte

    // The value of the first header of that name, in any case; empty when there is none.
    std::string header(std::string_view name) const;
    bool has(std::string_view name) const;
    bool says_close() const;
};

// One connection. Every wait has the limit of kLimit; what is not there by then is not there.
class Client {
 public:
    explicit Client(std::uint16_t port, const char* address = "127.0.0.1");
    static Client unix_socket(const std::string& path);
    // To 127.0.0.1, from another IPv4 address of this machine.
    static Client from(const char* address, std::uint16_t port);
    Client(Client&& other) noexcept;
    Client& operator=(Client&& other) noexcept;
    ~Client();

    bool connected() const noexcept { return fd_ >= 0; }
    int error() const noexcept { return error_; }  // errno of what failed last
    int fd() const noexcept { return fd_; }
    bool send(std::string_view bytes);
    // "GET PATH HTTP/1.1" with Host, and these header lines ("A: b\r\n…").
    bool get(std::string_view path, std::string_view headers = {});
    void shutdown_write();
    void close();
    // A reset instead of an end.
    void abort();

    // The next response; `head_request`: it has no body. Pipelined ones stay for the next call.
    Response read_response(bool head_request = false);
    // Everything until the server closes; what was left of a response before comes first.
    std::string read_all();
    // Waits for at most `count` more bytes and returns what is there; empty at the end of the stream.
    std::string read_some(std::size_t count = 65536);
    // What comes until `end` is the last of it; less when the stream ends before.
    std::string read_until(std::string_view end);
    // Waits for the end of the stream; false when bytes came instead.
    bool wait_closed();
    // Whether the end (or a reset) is there now.
    bool is_closed();

 private:
    Client() = default;
    bool fill();
    bool read_body(Response& response, bool head_request);
    bool read_chunked(Response& response);
    bool read_line(std::string& line);

    int fd_ = -1;
    int error_ = 0;
    std::string buffer_;
};

// One request on a connection of its own.
Response fetch(std::uint16_t port, std::string_view path, std::string_view headers = {});

}  // namespace berth::test
