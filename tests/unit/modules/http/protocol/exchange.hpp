// A connection without a network: what the protocol pieces together would answer to some bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/memory/arena.hpp"
#include "modules/http/protocol/chunked.hpp"
#include "modules/http/protocol/framing.hpp"
#include "modules/http/protocol/request_parser.hpp"
#include "modules/http/protocol/uri.hpp"

namespace berth::http::test {

inline Refusal judge_head(const RequestHead& head, std::string_view buffer, Arena& arena, Framing& framing) {
    if (const RequestHost host = request_host(head, buffer, arena); host.refusal) return host.refusal;
    if (const Refusal method = check_method(head)) return method;
    framing = body_framing(head, buffer);
    if (framing.kind == Framing::Kind::error) return framing.refusal;
    if (head.form == TargetForm::asterisk) return {};
    return normalize_path(head.path.in(buffer), arena).refusal;
}

// The statuses that the bytes lead to on one connection, in order; 200 stands for a complete, well-formed
// request. A refusal ends the connection.
inline std::vector<int> exchange(std::string_view input) {
    constexpr std::uint64_t kMaxBody = 1 << 20;
    std::vector<int> statuses;
    for (;;) {
        Arena arena;
        RequestParser parser;
        const RequestParser::Status status = parser.feed(input);
        if (status == RequestParser::Status::more) return statuses;
        Framing framing;
        Refusal refusal = status == RequestParser::Status::error
                              ? parser.refusal()
                              : judge_head(parser.head(), input, arena, framing);
        if (!refusal && framing.length > kMaxBody) refusal = {413, "too large"};
        if (!refusal) input.remove_prefix(parser.consumed());
        if (!refusal && framing.kind == Framing::Kind::content_length) {
            if (framing.length > input.size()) return statuses;
            input.remove_prefix(framing.length);
        }
        if (!refusal && framing.kind == Framing::Kind::chunked) {
            ChunkedDecoder decoder;
            ChunkedDecoder::Step step{};
            do {
                step = decoder.next(input);
                input.remove_prefix(step.consumed);
            } while (step.status == ChunkedDecoder::Status::data);
            if (step.status == ChunkedDecoder::Status::more) return statuses;
            if (step.status == ChunkedDecoder::Status::error) refusal = decoder.refusal();
        }
        statuses.push_back(refusal ? refusal.status : 200);
        if (refusal) return statuses;
    }
}

}  // namespace berth::http::test
