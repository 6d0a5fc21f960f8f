// How a request becomes records, and records an answer.
#include "modules/http/fastcgi/fastcgi_request.hpp"

#include <algorithm>

#include "core/text/ascii.hpp"
#include "modules/http/gateway/params.hpp"

namespace berth::http {

namespace {

constexpr unsigned kResponder = 1;
constexpr unsigned kKeepConnection = 1;
constexpr std::size_t kBeginContent = 8;
constexpr std::size_t kMostMessage = 4096;  // of what an application says is one line of the log
constexpr std::string_view kInHead = "reading response header from upstream";
constexpr std::string_view kInBody = "reading upstream";

void append_begin(std::string& out, bool keep) {
    append_fastcgi_head(out, FastcgiType::begin_request, kBeginContent);
    std::string content(kBeginContent, '\0');
    content[1] = static_cast<char>(kResponder);
    content[2] = static_cast<char>(keep ? kKeepConnection : 0);
    out += content;
}

// A stream in records, without the empty one at its end.
void append_stream(std::string& out, FastcgiType type, std::string_view text) {
    while (!text.empty()) {
        const std::string_view piece = text.substr(0, kFastcgiMostContent);
        append_fastcgi_head(out, type, piece.size());
        out += piece;
        text.remove_prefix(piece.size());
    }
}

void append_input(Request& request, Chain& body, Chain& out) {
    for (std::size_t left = body.size(); left > 0;) {
        const std::size_t size = std::min(left, kFastcgiMostContent);
        std::string head;
        append_fastcgi_head(head, FastcgiType::standard_input, size);
        out.append_copy(request.arena(), head);
        out.append_chain(body.take(request.arena(), size));
        left -= size;
    }
}

void append_end_of_input(Request& request, Chain& out) {
    std::string head;
    append_fastcgi_head(head, FastcgiType::standard_input, 0);
    out.append_copy(request.arena(), head);
}

}  // namespace

FastcgiRequest::FastcgiRequest(Request& request, const FastcgiConf& conf)
    : request_(request), conf_(conf), answer_(CgiAnswer::StatusLine::refused) {}

bool FastcgiRequest::write_request(Request& request, SentBody body, Chain& out) {
    std::string params;
    if (!write_params(request, conf_, body, {}, append_fastcgi_param, params)) return false;
    std::string text;
    append_begin(text, *conf_.keep_conn);
    append_stream(text, FastcgiType::params, params);
    append_fastcgi_head(text, FastcgiType::params, 0);
    out.append_copy(request.arena(), text);
    if (body == SentBody::streamed) return true;
    if (body == SentBody::complete) {
        Chain chain = request.body().chain(request);
        append_input(request, chain, out);
    }
    append_end_of_input(request, out);
    return true;
}

void FastcgiRequest::frame_body(Request& request, std::string_view piece, Chain& out) {
    if (piece.empty()) return append_end_of_input(request, out);
    Chain chain;
    chain.append_text(request.arena(), piece);
    append_input(request, chain, out);
}

bool FastcgiRequest::can_stream(const Request& request) const { return knows_length(request); }

void FastcgiRequest::begin() {
    records_.reset();
    answer_.begin(request_.is_head());
    text_.clear();
    message_.clear();
}

HeadStep FastcgiRequest::read_head(Request&, std::string_view bytes) {
    const auto error = [](std::string_view words) { return HeadStep{HeadStep::Kind::error, 0, words}; };
    std::size_t used = 0;
    for (;;) {
        const FastcgiRecords::Step step = records_.next(bytes.substr(used));
        used += step.consumed;
        switch (step.kind) {
            case FastcgiRecords::Kind::more: return {HeadStep::Kind::more, used, {}};
            case FastcgiRecords::Kind::error: return error(step.words);
            case FastcgiRecords::Kind::end:
                log_message(kInHead);
                return error("upstream prematurely closed FastCGI stdout");
            case FastcgiRecords::Kind::message:
                if (take_message(step, kInHead))
                    return error("FastCGI stderr has what fastcgi_catch_stderr names");
                continue;
            case FastcgiRecords::Kind::output: break;
        }
        text_ += step.data;
        const HeadStep head = answer_.read_head(text_);
        if (head.kind == HeadStep::Kind::error) return head;
        const bool done = head.kind == HeadStep::Kind::done;
        if ((done ? head.consumed : text_.size()) > *conf_.buffer_size)
            return error("upstream sent too big header");
        if (!done) continue;
        const std::size_t behind = text_.size() - head.consumed;
        records_.give_back(behind);
        return {HeadStep::Kind::done, used - behind, {}};
    }
}

BodyStep FastcgiRequest::read_body(std::string_view bytes) {
    std::size_t used = 0;
    for (;;) {
        const FastcgiRecords::Step step = records_.next(bytes.substr(used));
        used += step.consumed;
        switch (step.kind) {
            case FastcgiRecords::Kind::more: return {BodyStep::Kind::more, used, {}, {}};
            case FastcgiRecords::Kind::error: return {BodyStep::Kind::error, used, {}, step.words};
            case FastcgiRecords::Kind::end: return finish(used);
            case FastcgiRecords::Kind::message: take_message(step, kInBody); continue;
            case FastcgiRecords::Kind::output: break;
        }
        const std::string_view data = answer_.take(step.data);
        if (!data.empty()) return {BodyStep::Kind::data, used, data, {}};
    }
}

BodyStep FastcgiRequest::finish(std::size_t consumed) {
    log_message(kInBody);
    if (answer_.is_short()) {
        return {
            BodyStep::Kind::error, consumed, {}, "upstream sent less data than its \"Content-Length\" says"};
    }
    if (answer_.overflowed())
        request_.log_at(LogLevel::warn, "upstream sent more data than its \"Content-Length\" says");
    return {BodyStep::Kind::done, consumed, {}, {}};
}

// Whether what it says is something that fastcgi_catch_stderr looks for.
bool FastcgiRequest::take_message(const FastcgiRecords::Step& step, std::string_view doing) {
    message_ += step.data;
    const bool caught = std::ranges::any_of(*conf_.catch_stderr, [&](const std::string& words) {
        return message_.find(words) != std::string::npos;
    });
    if (step.record_ends || caught || message_.size() >= kMostMessage) log_message(doing);
    return caught;
}

void FastcgiRequest::log_message(std::string_view doing) {
    const std::string_view text = ascii::trim(message_);
    const std::size_t end = text.find_last_not_of("\r\n");
    if (end != text.npos) {
        request_.log_at(LogLevel::error, "FastCGI sent in stderr: \"{}\" while {}", text.substr(0, end + 1),
                        doing);
    }
    message_.clear();
}

}  // namespace berth::http
