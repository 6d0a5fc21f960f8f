// Fuzzes what a FastCGI application sends: records and the head in them are read the same however the bytes
// are split.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "modules/http/fastcgi/records.hpp"
#include "modules/http/gateway/cgi_answer.hpp"

namespace {

using namespace berth::http;
using Kind = FastcgiRecords::Kind;

void require(bool condition) {
    if (!condition) std::abort();
}

// What was read: output, messages, how it ended, and the status of the head.
struct Result {
    std::string output;
    std::string messages;
    Kind last = Kind::more;
    HeadStep::Kind head = HeadStep::Kind::more;
    std::size_t head_size = 0;
    int status = 0;
    bool operator==(const Result&) const = default;
};

void read_head(CgiAnswer& answer, Result& result) {
    if (result.head != HeadStep::Kind::more) return;
    const HeadStep step = answer.read_head(result.output);
    result.head = step.kind;
    result.head_size = step.consumed;
    require(step.consumed <= result.output.size());
    if (step.kind == HeadStep::Kind::done) result.status = answer.head().status;
}

Result read(std::string_view bytes, std::size_t piece) {
    FastcgiRecords records;
    CgiAnswer answer(CgiAnswer::StatusLine::allowed);
    answer.begin(false);
    Result result;
    while (!bytes.empty()) {
        std::string_view given = bytes.substr(0, piece);
        bytes.remove_prefix(given.size());
        for (bool more = false; !more;) {
            const FastcgiRecords::Step step = records.next(given);
            require(step.consumed <= given.size());
            given.remove_prefix(step.consumed);
            result.last = step.kind;
            if (step.kind == Kind::end || step.kind == Kind::error) return result;
            more = step.kind == Kind::more;
            require(more == step.data.empty());
            if (step.kind == Kind::message) result.messages += step.data;
            if (step.kind != Kind::output) continue;
            result.output += step.data;
            read_head(answer, result);
        }
        require(given.empty());
    }
    return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::size_t piece = 1U + data[0] % 64U;
    require(read(bytes, piece) == read(bytes, bytes.size()));
    return 0;
}
