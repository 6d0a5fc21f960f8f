// The body of a file response, piece by piece, never waiting for the disk on the loop.
#include "modules/http/files/send_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <vector>

#include "event/async/awaiters.hpp"
#include "event/file_io.hpp"
#include "modules/http/files/direct_read.hpp"
#include "modules/http/files/files.hpp"
#include "modules/http/files/range_body.hpp"
#include "modules/http/request.hpp"

namespace berth::http {
namespace {

// A fast reader must not keep the loop to itself.
constexpr unsigned kPiecesATurn = 8;
constexpr std::size_t kUnlimitedPiece = 16 * 1024 * 1024;

// Where a file is read: all of it, or only the ranges that the client will get.
class Pieces {
 public:
    Pieces(const Request& request, const CachedFile& file, std::size_t most)
        : wanted_(wanted_ranges(request)), size_(file.size()), most_(most) {}

    struct Piece {
        std::uint64_t from;   // what lies before `begin` is thrown away by the range filter
        std::uint64_t begin;  // [begin, end) is sent
        std::uint64_t end;
        std::uint64_t to;  // so is what lies behind `end`
        bool last;
        std::size_t length() const noexcept { return static_cast<std::size_t>(end - begin); }
    };
    bool done() const noexcept { return done_; }
    Piece next() {
        Piece piece{at_, at_, std::min(size_, at_ + most_), 0, false};
        if (!wanted_.empty()) {
            piece.begin = std::max(at_, wanted_.front().begin);
            piece.end = std::min(wanted_.front().end, piece.begin + most_);
            if (piece.end == wanted_.front().end) wanted_ = wanted_.subspan(1);
            piece.last = wanted_.empty();
        } else {
            piece.last = piece.end == size_;
        }
        piece.to = piece.last ? size_ : piece.end;
        at_ = piece.to;
        done_ = piece.last;
        return piece;
    }

 private:
    std::span<const ByteRange> wanted_;
    std::uint64_t size_;
    std::uint64_t most_;
    std::uint64_t at_ = 0;
    bool done_ = false;
};
using Piece = Pieces::Piece;

void append_file(Arena& arena, Chain& chain, int fd, std::uint64_t begin, std::uint64_t end) {
    if (begin < end) chain.append_file(arena, fd, static_cast<off_t>(begin), static_cast<off_t>(end));
}

// The piece with `bytes` for its own part; the rest is named as parts of the file, which cost nothing.
Chain chain_of(Request& request, int fd, const Piece& piece, std::string_view bytes) {
    Chain chain;
    append_file(request.arena(), chain, fd, piece.from, piece.begin);
    if (!bytes.empty()) chain.append_text(request.arena(), bytes);
    append_file(request.arena(), chain, fd, piece.end, piece.to);
    return chain;
}

Chain chain_of(Request& request, int fd, const Piece& piece) {
    Chain chain;
    append_file(request.arena(), chain, fd, piece.from, piece.to);
    return chain;
}

// Whether the response has a body at all, now that the filters have seen its head.
bool has_body(const Request& request, const CachedFile& file) {
    const int status = request.out().status;
    return !request.is_head() && file.size() > 0 && status != 304 && status != 412 && status != 416;
}

Verdict finish(Request& request) {
    request.send(Chain(), true);
    return Verdict::done();
}

Verdict break_off(Request& request, std::string_view why) {
    request.log_at(LogLevel::alert, "the file of \"{}\" {}: the response is broken off", request.uri(), why);
    request.stream().reset(request);
    return Verdict::done();
}

Verdict break_off(Request& request, const Error& error) {
    return break_off(request, "cannot be read: " + error.message);
}

constexpr std::string_view kShorter = "became shorter while it was sent";

Async<Verdict> pump_file(Request& request, CachedFile& file, std::size_t most) {
    Pieces pieces(request, file, most);
    ThreadPool& pool = file_pool(request);
    const int fd = file.fd();
    unsigned sent = 0;
    while (!pieces.done()) {
        const Piece piece = pieces.next();
        const auto offset = static_cast<off_t>(piece.begin);
        const std::size_t length = piece.length();
        Result<void> fetched = co_await fetch(request, pool, fd, offset, length);
        if (!fetched) co_return break_off(request, fetched.error());
        const Flow flow = request.send(chain_of(request, fd, piece), piece.last);
        if (flow == Flow::full && !piece.last) co_await request.writable();
        if (request.gone() || piece.last) break;  // behind the last piece the request may be over
        if (++sent % kPiecesATurn == 0) co_await yield(request);
    }
    co_return Verdict::done();
}

// What was sent through one buffer is on its way when send() says `open`, or writable() is there: so there is
// always one buffer in use, of the size that output_buffers have together.
Async<Verdict> pump_bytes(Request& request, CachedFile& file, std::size_t most) {
    Pieces pieces(request, file, most);
    ThreadPool& pool = file_pool(request);
    const int fd = file.fd();
    IoBuffer& buffer = *request.arena().create<IoBuffer>();
    unsigned sent = 0;
    while (!pieces.done()) {
        const Piece piece = pieces.next();
        buffer.release();
        const auto offset = static_cast<off_t>(piece.begin);
        const std::size_t length = piece.length();
        Result<FileBytes> bytes = co_await read_file(request, pool, fd, offset, length);
        if (!bytes) co_return break_off(request, bytes.error());
        if (bytes->size < length) co_return break_off(request, kShorter);
        buffer = std::move(bytes->buffer);
        const std::string_view text(buffer.data(), piece.length());
        const Flow flow = request.send(chain_of(request, fd, piece, text), piece.last);
        if (flow == Flow::full && !piece.last) co_await request.writable();
        if (request.gone() || piece.last) break;  // behind the last piece the request may be over
        if (++sent % kPiecesATurn == 0) co_await yield(request);
    }
    co_return Verdict::done();
}

Async<Verdict> pump_directly(Request& request, CachedFile& file, std::size_t most, std::size_t alignment) {
    Pieces pieces(request, file, most);
    ThreadPool& pool = file_pool(request);
    const int fd = file.fd();
    DirectBytes& held = *request.arena().create<DirectBytes>();
    while (!pieces.done()) {
        const Piece piece = pieces.next();
        const std::uint64_t skip = piece.begin % alignment;
        const std::size_t whole = piece.length() + static_cast<std::size_t>(skip);
        const std::size_t rounded = (whole + alignment - 1) / alignment * alignment;
        const auto offset = static_cast<off_t>(piece.begin - skip);
        held.memory.reset();
        Result<DirectBytes> bytes = co_await read_directly(request, pool, fd, offset, rounded, alignment);
        if (!bytes) co_return break_off(request, bytes.error());
        if (bytes->size < whole) co_return break_off(request, kShorter);
        held = std::move(*bytes);
        const std::string_view text(held.memory.get() + skip, piece.length());
        const Flow flow = request.send(chain_of(request, fd, piece, text), piece.last);
        if (flow == Flow::full && !piece.last) co_await request.writable();
        if (request.gone() || piece.last) break;  // behind the last piece the request may be over
    }
    co_return Verdict::done();
}

std::size_t buffered(const SendConf& conf) { return conf.output_buffers->count * conf.output_buffers->size; }

// One piece that is at hand: the usual file.
bool at_hand(Request& request, CachedFile& file, std::size_t most) {
    if (file.size() > most) return false;
    const TimePoint now = request.loop().now();
    if (file.known_resident(now)) return true;
    if (!resident(file.fd(), 0, static_cast<std::size_t>(file.size()))) return false;
    file.note_resident(now);
    return true;
}

Async<Verdict> open_and_pump(Request& request, std::string_view path, const SendConf& conf) {
    FileResult opened = co_await open_directly(request, path, O_DIRECT);
    const bool unsupported = !opened && opened.error().code == EINVAL;
    if (unsupported) opened = co_await open_directly(request, path, 0);
    if (!opened) co_return Verdict::reply(report_open_error(request, opened.error()));
    CachedFile& file = pin(request, std::move(*opened));
    describe_file(request, file, conf);
    request.send_head();
    if (!has_body(request, file)) co_return finish(request);
    const std::size_t most = buffered(conf);
    const std::size_t alignment = *conf.directio_alignment;
    co_return co_await pump_directly(request, file, most, alignment);
}

}  // namespace

Async<Verdict> send_file(Request& request, CachedFile& file, const SendConf& conf) {
    request.send_head();
    if (!has_body(request, file)) return finish(request);
    if (file.in_memory()) {
        Chain chain;
        chain.append_text(request.arena(), file.content());
        request.send(std::move(chain), true);
        return Verdict::done();
    }
    if (*conf.read_ahead > 0 && file.size() >= *conf.read_ahead) {
        ::posix_fadvise(file.fd(), 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    if (!*conf.sendfile) return pump_bytes(request, file, buffered(conf));
    const std::size_t most = *conf.sendfile_max_chunk > 0 ? *conf.sendfile_max_chunk : kUnlimitedPiece;
    if (!at_hand(request, file, most)) return pump_file(request, file, most);
    Chain chain;
    append_file(request.arena(), chain, file.fd(), 0, file.size());
    request.send(std::move(chain), true);
    return Verdict::done();
}

Async<Verdict> send_file_directly(Request& request, std::string_view path, const SendConf& conf) {
    return open_and_pump(request, path, conf);
}

void describe_file(Request& request, const CachedFile& file, const SendConf& conf) {
    Response& out = request.out();
    out.content_length = file.size();
    out.last_modified = file.last_modified();
    if (*conf.etag) out.etag = file.etag();
    out.accept_ranges = true;
}

}  // namespace berth::http
