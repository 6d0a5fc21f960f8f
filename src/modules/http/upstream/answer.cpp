// The head of a backend's answer: read, judged, and made the head of ours.
#include <algorithm>
#include <utility>

#include "core/text/ascii.hpp"
#include "core/text/number.hpp"
#include "core/time/http_date.hpp"
#include "core/value/truth.hpp"
#include "event/process/worker.hpp"
#include "modules/http/core_conf.hpp"
#include "modules/http/expires.hpp"
#include "modules/http/protocol/response_head.hpp"
#include "modules/http/protocol/status.hpp"
#include "modules/http/protocol/uri.hpp"
#include "modules/http/server.hpp"
#include "modules/http/special_response.hpp"
#include "modules/http/upstream/exchange.hpp"
#include "modules/http/variables/size_value.hpp"

namespace berth::http {

namespace {

constexpr unsigned kMostInterims = 100;
constexpr int kFirstInterceptable = 300;
constexpr int kContinue = 100;
constexpr int kEarlyHints = 103;
constexpr int kUpgradeRequired = 426;
constexpr int kBadGateway = 502;

std::uint32_t ignore_bit(KnownHeader id) noexcept {
    switch (id) {
        case KnownHeader::x_accel_redirect: return ignore_accel_redirect;
        case KnownHeader::x_accel_expires: return ignore_accel_expires;
        case KnownHeader::x_accel_limit_rate: return ignore_accel_limit_rate;
        case KnownHeader::x_accel_buffering: return ignore_accel_buffering;
        case KnownHeader::x_accel_charset: return ignore_accel_charset;
        default: return 0;
    }
}

// Where the part of a media type that begins at `at` ends: at a semicolon, but not at one in a quoted string.
std::size_t end_of_part(std::string_view type, std::size_t at) noexcept {
    bool quoted = false;
    for (; at < type.size(); ++at) {
        if (type[at] == '"') quoted = !quoted;
        if (type[at] == '\\' && quoted) ++at;
        if (at < type.size() && type[at] == ';' && !quoted) return at;
    }
    return type.size();
}

// A media type without its parameter charset.
std::string_view without_charset(std::string_view type, Arena& arena) {
    constexpr std::string_view kName = "charset=";
    std::size_t begin = end_of_part(type, 0);
    std::string kept(type.substr(0, begin));
    while (begin < type.size()) {
        const std::size_t end = end_of_part(type, begin + 1);
        const std::string_view part = type.substr(begin, end - begin);
        if (!ascii::iequals(ascii::trim(part.substr(1)).substr(0, kName.size()), kName)) kept += part;
        begin = end;
    }
    return kept.size() == type.size() ? type : arena.copy(kept);
}

bool wants_early_hints(Request& request) {
    const std::vector<Value>& conditions = *request.conf<LocationConf>().early_hints;
    return conditions.empty() || std::ranges::any_of(conditions, [&](const Value& condition) {
               return is_true(condition.eval(request));
           });
}

}  // namespace

// Takes what came; `done` when there is an answer, or `outcome` says why there is none.
UpstreamExchange::Reading UpstreamExchange::read_head(Request& request, Outcome& outcome) {
    for (;;) {
        if (end_ == head_.capacity()) {
            if (begin_ == 0) {
                outcome = failed(Failure::invalid, "upstream sent too big header", 0);
                return Reading::failed;
            }
            std::copy(head_.data() + begin_, head_.data() + end_, head_.data());
            end_ -= begin_;
            begin_ = 0;
        }
        const IoResult got = connection_->recv({head_.data() + end_, head_.capacity() - end_});
        if (got.would_block()) return Reading::more;
        if (!got.ok()) {
            outcome = ended(got);
            return Reading::failed;
        }
        end_ += got.bytes;
        const Reading reading = parse_head(request, outcome);
        if (reading != Reading::more || !connection_->maybe_readable()) return reading;
    }
}

UpstreamExchange::Reading UpstreamExchange::parse_head(Request& request, Outcome& outcome) {
    for (;;) {
        const HeadStep step = protocol_.read_head(request, {head_.data() + begin_, end_ - begin_});
        switch (step.kind) {
            case HeadStep::Kind::more: begin_ += step.consumed; return Reading::more;
            case HeadStep::Kind::error:
                outcome = failed(Failure::invalid, step.words, 0);
                return Reading::failed;
            case HeadStep::Kind::interim:
                if (pass_interim(request)) {
                    begin_ += step.consumed;
                    continue;
                }
                outcome = failed(Failure::invalid, "upstream sent too many interim responses", 0);
                return Reading::failed;
            case HeadStep::Kind::done: break;
        }
        begin_ += step.consumed;
        if (protocol_.head().upgraded && !sent_all()) {
            // What is left of the body would be taken for the other protocol.
            outcome = failed(Failure::invalid, "upstream sent 101 before it had the whole request");
            return Reading::failed;
        }
        outcome = judge();
        return outcome.failure == Failure::none ? Reading::done : Reading::failed;
    }
}

// The connection ended where a head was expected.
UpstreamExchange::Outcome UpstreamExchange::ended(const IoResult& result) {
    if (body_error_ != 0) {  // not the backend's fault
        attempt_->status = body_error_;
        end_unjudged();
        drop_connection();
        return Outcome(Failure::none, body_error_, false);
    }
    if (broken_ != Failure::none) return failed(broken_, "upstream timed out", ETIMEDOUT);
    if (reused_ && connection_->bytes_received() == received_before_)
        return Outcome(Failure::stale, kBadGateway, false);
    if (result.closed()) return failed(Failure::reset, "upstream prematurely closed connection", 0);
    return failed(Failure::reset, "recv() failed", result.error_number);
}

// 103 and the like go to the client; 100 was between us and the backend.
bool UpstreamExchange::pass_interim(Request& request) {
    if (++interims_ > kMostInterims) return false;
    const AnswerHead& head = protocol_.head();
    if (head.status == kContinue || request.minor_version() == 0) return true;
    if (head.status == kEarlyHints && !wants_early_hints(request)) return true;
    HeadWriter lines(request.arena());
    for (const HeaderField& field : *head.fields) {
        const std::string_view name = field.name.in(head.bytes);
        if (settings_.hidden.contains(field.id, name) || is_hop_by_hop(*head.fields, head.bytes, field))
            continue;
        if (field.id == KnownHeader::content_length) continue;  // it has no body (RFC 9110 8.6)
        lines.field(name, field.value.in(head.bytes));
    }
    request.stream().send_interim(request, head.status, lines.text());
    return true;
}

// Whether this answer goes to the client, or another backend is asked.
UpstreamExchange::Outcome UpstreamExchange::judge() {
    const AnswerHead& head = protocol_.head();
    attempt_->header_ms = elapsed_ms();
    attempt_->status = head.status;
    trace_.head = &head;
    if (next_bit(head.status) == 0 || !may_retry(Failure::status)) return Outcome();
    if (!find_next()) return give_back_retry(), Outcome();  // nobody could do better
    // Another one may have what this one lacks, or forbids: that is no failure of its own.
    const bool well = head.status == 403 || head.status == 404;
    end_attempt(well ? Failure::none : Failure::status);
    drop_connection();
    return Outcome(Failure::status, head.status, true);
}

// --- what becomes of the answer

bool UpstreamExchange::intercepts(Request& request) const {
    const int status = protocol_.head().status;
    if (protocol_.head().is_status_only) return true;
    return *settings_.intercept_errors && status >= kFirstInterceptable && has_error_page(request, status);
}

Verdict UpstreamExchange::intercept(Request& request) {
    const AnswerHead& head = protocol_.head();
    const int status = head.status;
    for (const HeaderField& field : *head.fields) {
        if (status == 401 && field.id == KnownHeader::www_authenticate)
            request.out().fields.add(KnownHeader::www_authenticate, field.value.in(head.bytes));
    }
    leave_body();
    return Verdict::reply(status);
}

// `sticky`: what makes the client come back to the peer that has answered.
void UpstreamExchange::bind_client(Request& request) {
    if (!lease_) return;
    lease_.learn(request);
    const std::string_view cookie = lease_.cookie(request.arena());
    if (!cookie.empty()) request.out().fields.add(KnownHeader::set_cookie, cookie);
}

// Nobody wants the body: the connection lives on if all of it is here.
void UpstreamExchange::leave_body() {
    request_.end_when_client_leaves(false);
    if (decode(request_) && body_done_) {
        body_.clear();
        return release_connection();
    }
    body_.clear();
    end_attempt(Failure::none);
    drop_connection();
}

void UpstreamExchange::prepare_head(Request& request) {
    const AnswerHead& head = protocol_.head();
    Response& out = request.out();
    out.status = head.status;
    if (head.reason != reason_phrase(head.status)) out.reason = head.reason;
    out.content_length = head.length;
    out.relayed = true;
    buffering_ = *settings_.buffering;
    limit_rate_ = size_of(request, *settings_.limit_rate);
    body_started_ = request.loop().now();
    take_accel(*head.fields, head.bytes);
    const std::string_view type = std::exchange(out.content_type, {});
    for (const HeaderField& field : *head.fields) take_field(request, field, head.bytes);
    if (out.content_type.empty()) out.content_type = type;
    if (!out.charset.empty()) out.content_type = without_charset(out.content_type, request.arena());
    if (*settings_.force_ranges) out.accept_ranges = true;
    // 426 says which protocol it asks for (RFC 9110 15.5.22).
    const std::string_view protocol = head.fields->value(KnownHeader::upgrade, head.bytes);
    if ((head.upgraded || head.status == kUpgradeRequired) && !protocol.empty())
        out.fields.add(KnownHeader::upgrade, protocol);
    bind_client(request);
}

void UpstreamExchange::take_field(Request& request, const HeaderField& field, std::string_view bytes) {
    const std::string_view name = field.name.in(bytes);
    if (settings_.hidden.contains(field.id, name)) return;
    if (field.id == KnownHeader::content_length) return;
    const FieldList& all = *protocol_.head().fields;
    if (is_hop_by_hop(all, bytes, field)) return;
    std::string_view value = field.value.in(bytes);
    switch (field.id) {
        case KnownHeader::location:
        case KnownHeader::refresh:
        case KnownHeader::set_cookie: value = protocol_.rewrite(request, field.id, value); break;
        default:
            if (take_own_field(request, field.id, value)) return;
    }
    // That of the redirect whose error page this is, if it is one.
    if (field.id == KnownHeader::location) request.out().fields.remove(field.id);
    request.out().fields.add(field.id, name, value);
}

// The fields that a response keeps outside of its list, if this one can be kept so without a change.
bool UpstreamExchange::take_own_field(Request& request, KnownHeader id, std::string_view value) {
    Response& out = request.out();
    switch (id) {
        case KnownHeader::content_type:
            if (!out.content_type.empty()) return true;  // the first counts
            out.content_type = value;
            return true;
        case KnownHeader::etag:
            if (out.etag.empty()) out.etag = value;
            return true;
        case KnownHeader::last_modified: {
            const auto time = parse_http_date(value);
            if (!time || out.last_modified) return false;
            char text[kHttpDateSize];
            const char* end = format_http_date(text, *time);
            if (std::string_view(text, end) != value) return false;
            out.last_modified = *time;
            return true;
        }
        case KnownHeader::accept_ranges: return *settings_.force_ranges;
        default: return false;
    }
}

// X-Accel-*: what the backend tells this server.
void UpstreamExchange::take_accel(const FieldList& fields, std::string_view bytes) {
    const auto value = [&](KnownHeader id) {
        const bool ignored = (*settings_.ignore_headers & ignore_bit(id)) != 0;
        return ignored ? std::string_view() : fields.value(id, bytes);
    };
    if (const std::string_view text = value(KnownHeader::x_accel_buffering); !text.empty()) {
        if (ascii::iequals(text, "no")) buffering_ = false;
        if (ascii::iequals(text, "yes")) buffering_ = true;
    }
    if (const auto rate = parse_size(value(KnownHeader::x_accel_limit_rate)))
        request_.out().limit_rate = rate;
    if (const std::string_view text = value(KnownHeader::x_accel_charset); !text.empty()) {
        request_.out().no_charset = text == "off";
        request_.out().charset = text == "off" ? std::string_view() : text;
    }
    accel_redirect_ = value(KnownHeader::x_accel_redirect);
}

// X-Accel-Redirect: another place of this server answers, with some of the backend's fields.
Verdict UpstreamExchange::follow_redirect(Request& request) {
    constexpr KnownHeader kKept[] = {KnownHeader::set_cookie, KnownHeader::content_disposition,
                                     KnownHeader::cache_control, KnownHeader::expires};
    const bool no_charset = request.out().no_charset;
    const std::string_view target = request.arena().copy(accel_redirect_);
    const AnswerHead& head = protocol_.head();
    const std::string_view type = request.arena().copy(request.out().content_type);
    const std::string_view charset = request.arena().copy(request.out().charset);
    request.out().reset();
    request.out().content_type = type;
    request.out().charset = charset;
    request.out().no_charset = no_charset;
    for (const HeaderField& field : *head.fields) {
        if (std::ranges::find(kKept, field.id) == std::end(kKept)) continue;
        std::string_view value = field.value.in(head.bytes);
        if (field.id == KnownHeader::set_cookie) value = protocol_.rewrite(request, field.id, value);
        request.out().fields.add(field.id, request.arena().copy(value));
    }
    bind_client(request);
    leave_body();
    if (target.starts_with('@')) {
        const Location* named = request.server().root.inner.named(target);
        if (named == nullptr) {
            request.log_at(LogLevel::error, "could not find named location \"{}\"", target);
            return Verdict::reply(404);
        }
        return request.jump(*named) ? Verdict::restart() : Verdict::reply(500);
    }
    const std::size_t question = target.find('?');
    const std::string_view args = question == target.npos ? std::string_view() : target.substr(question + 1);
    request.become_get();
    const NormalPath path = normalize_path(target.substr(0, question), request.arena(), true);
    if (path.refusal) {
        request.log_at(LogLevel::error, "upstream sent an invalid \"X-Accel-Redirect\"");
        return Verdict::reply(502);
    }
    return request.redirect(path.path, args) ? Verdict::restart() : Verdict::reply(500);
}

}  // namespace berth::http
