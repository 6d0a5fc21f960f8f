// Fuzzes the chunked decoder: any split gives the same body, and kept trailers are what FieldParser accepts.
#include "modules/http/protocol/chunked.hpp"

#include <cstdlib>
#include <string>
#include <vector>

#include "modules/http/protocol/field_parser.hpp"

namespace {

using namespace berth::http;

void require(bool condition) {
    if (!condition) std::abort();
}

struct Decoded {
    ChunkedDecoder::Status status = ChunkedDecoder::Status::more;
    std::size_t consumed = 0;
    std::string body;
    std::string trailers;
};

Decoded decode(std::string_view input, std::size_t piece) {
    ChunkedDecoder decoder(true);
    Decoded out;
    while (out.consumed < input.size()) {
        const std::string_view part = input.substr(out.consumed, piece);
        const std::vector<char> copy(part.begin(), part.end());
        const ChunkedDecoder::Step step = decoder.next({copy.data(), copy.size()});
        require(step.consumed <= part.size());
        require((step.status == ChunkedDecoder::Status::data) == !step.data.empty());
        out.status = step.status == ChunkedDecoder::Status::data ? ChunkedDecoder::Status::more : step.status;
        out.consumed += step.consumed;
        out.body += step.data;
        require(decoder.total() == out.body.size());
        if (out.status != ChunkedDecoder::Status::more) break;
    }
    out.trailers = decoder.trailers();
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const Decoded whole = decode(input, input.size() + 1);
    for (const std::size_t piece : {1u, 2u, 5u}) {
        const Decoded split = decode(input, piece);
        require(split.status == whole.status && split.consumed == whole.consumed);
        require(split.body == whole.body && split.trailers == whole.trailers);
    }
    if (whole.status != ChunkedDecoder::Status::done) return 0;
    HeadOptions options;
    options.max_line = options.max_head = ChunkedDecoder::kMaxTrailers;
    options.ignore_invalid = false;
    options.underscores = Underscores::allow;
    FieldParser parser(options);
    FieldList fields;
    parser.start(0, 0);
    const FieldParser::Status status = parser.feed(whole.trailers, fields);
    require(status == FieldParser::Status::done || parser.refusal().status == 431);
    return 0;
}
