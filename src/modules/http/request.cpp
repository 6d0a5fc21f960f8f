// What a request knows about itself, and how its answer goes out.
#include "modules/http/request.hpp"

#include "core/time/clock.hpp"
#include "event/connection.hpp"
#include "event/process/worker.hpp"
#include "modules/http/block_log.hpp"
#include "modules/http/core_conf.hpp"
#include "modules/http/phases.hpp"
#include "modules/http/protocol/status.hpp"
#include "modules/http/protocol/uri.hpp"
#include "modules/http/server.hpp"
#include "modules/http/special_response.hpp"

namespace berth::http {

Request::Request(EventLoop& loop, Arena& arena, const Cycle& cycle, Stream& stream)
    : Scope(loop, arena, &cycle),
      VariableHost(arena),
      stream_(stream),
      head_(parser_.head()),
      started_at_(loop.now()),
      started_us_(loop.now_us()),
      started_ms_(loop.wall().milliseconds()),
      out_(arena),
      drained_(loop) {
    drained_.set();
    log_everything(stream.connection().logs_everything());
}

// Coroutine frames first, then what modules keep in the arena, then this object: any of them may still look
// at it.
Request::~Request() {
    handler_work_.destroy();
    if (http_ != nullptr && !logged_) uncount(worker().row().requests.active);
    arena().release();
}

// --- what came

VariableText Request::header(std::string_view name) const noexcept {
    const HeaderField* field = head_.fields.find(name, bytes_);
    return field != nullptr ? VariableText{field->value.in(bytes_), true} : VariableText::missing();
}

std::string_view Request::request_line() const noexcept {
    if (!head_.line.empty()) return head_.line.in(bytes_);
    const std::size_t begin = std::min(bytes_.find_first_not_of("\r\n"), bytes_.size());
    return bytes_.substr(begin, bytes_.find_first_of("\r\n", begin) - begin);
}

std::optional<std::uint64_t> Request::content_length() const noexcept {
    if (framing_.kind != Framing::Kind::content_length) return std::nullopt;
    return framing_.length;
}

void Request::on_head(std::string_view bytes, const HttpConf& http) {
    http_ = &http;
    count(worker().row().requests.active);
    use_variables(http.variables);
    bytes_ = bytes;
    method_ = head_.method;
    method_text_ = head_.method_text.in(bytes);
    request_uri_ = head_.target.in(bytes);
    if (head_.form == TargetForm::absolute) {
        // The path and the arguments, as if they alone had been sent.
        request_uri_ = head_.path.empty()
                           ? std::string_view("/")
                           : bytes.substr(head_.path.begin, head_.target.end() - head_.path.begin);
    }
    if (!head_.query.empty()) args_ = head_.query.in(bytes);
    head_only_ = method_ == Method::head;
}

// The path of the target in normal form.
Refusal Request::read_target(bool merge_slashes) {
    if (head_.form == TargetForm::asterisk) {
        uri_ = "*";
        if (method_ == Method::options) return {};
        return {400, "client sent \"*\" with a method other than OPTIONS"};
    }
    if (head_.form == TargetForm::authority) return {400, "client sent a target that is no path"};
    const NormalPath path = normalize_path(head_.path.in(bytes_), arena(), merge_slashes);
    if (path.refusal) return path.refusal;
    uri_ = path.path;
    return {};
}

void Request::become_get() noexcept {
    if (head_only_) return;
    method_ = Method::get;
    method_text_ = "GET";
}

// --- where it stands

void Request::use_server(const Server& server) noexcept {
    server_ = &server;
    sets_[static_cast<std::size_t>(Level::global)] = &cycle().global();
    sets_[static_cast<std::size_t>(Level::main)] = http_->settings;
    sets_[static_cast<std::size_t>(Level::server)] = &server.settings;
    enter_location(server.root);
}

void Request::enter_location(const Location& location) noexcept {
    location_ = &location;
    sets_[static_cast<std::size_t>(Level::location)] = &location.settings;
    if (location.kind != Location::Kind::root) {
        log_at(LogLevel::debug, "uri \"{}\" is served by location \"{}\"", uri_, location.name);
    }
}

void Request::rewrite_uri(std::string_view uri) noexcept {
    uri_ = uri;
    uri_changed_ = true;
    uri_replaced_ = true;
    log_at(LogLevel::debug, "uri rewritten to \"{}\"", uri);
}

Worker& Request::worker() const noexcept { return *http_->worker; }

void Request::log_head() {
    if (!log().enabled(LogLevel::debug, this)) return;
    for (const HeaderField& field : head_.fields) {
        log_at(LogLevel::debug, "header field \"{}: {}\"", field.name.in(bytes_), field.value.in(bytes_));
    }
}

void Request::start(const Server& server) {
    use_server(server);
    log_head();
    if (Refusal refusal = read_target(*conf<ServerConf>().merge_slashes)) {
        refuse(server, refusal);
        return;
    }
    if (uri_ == "*") {
        out_.fields.add(KnownHeader::allow, "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
        reply(200, {}, {});
        if (const int status = take_refusal()) send_special_response(*this, status);
        return;
    }
    PhaseEngine::run(*this);
}

void Request::refuse(const Server& server, const Refusal& refusal) {
    use_server(server);
    log_at(LogLevel::info, "{}", refusal.words);
    stream_.close_after();
    if (send_special_response(*this, refusal.status)) PhaseEngine::run(*this);
}

bool Request::redirect(std::string_view uri, std::string_view args) {
    if (++redirects_ > *conf<LocationConf>().internal_redirect_limit) {
        log_at(LogLevel::error,
               "rewrite or internal redirection cycle while internally redirecting to \"{}\"", uri);
        return false;
    }
    log_at(LogLevel::debug, "internal redirect to \"{}\", args \"{}\"", uri, args);
    uri_ = uri;
    args_ = args;
    uri_replaced_ = true;
    internal_ = true;
    uri_changed_ = false;
    access_refusal_ = 0;
    use_server(*server_);
    phase_ = static_cast<std::uint8_t>(Phase::server_rewrite);
    handler_ = 0;
    return true;
}

bool Request::jump(const Location& named) {
    if (++redirects_ > *conf<LocationConf>().internal_redirect_limit) {
        log_at(LogLevel::error,
               "rewrite or internal redirection cycle while redirecting to named location \"{}\"",
               named.name);
        return false;
    }
    if (uri_.empty()) uri_ = "/";  // of a request whose line could not be read
    internal_ = true;
    uri_changed_ = false;
    access_refusal_ = 0;
    enter_location(named.for_method(method_));
    phase_ = static_cast<std::uint8_t>(Phase::rewrite);
    handler_ = 0;
    return true;
}

// --- answering

void Request::filter_body(BodyFilter filter, void* state) {
    BodyFilterEntry** end = &body_filters_;
    while (*end != nullptr) end = &(*end)->next;
    *end = arena().create<BodyFilterEntry>(BodyFilterEntry{filter, state, nullptr});
}

void Request::send_head() {
    if (head_sent_ || refused_ != 0) return;
    if (forced_status_ != 0) out_.status = forced_status_;
    for (const HeaderFilterEntry& filter : http_->plan.header_filters) {
        filter.run(*this, sets_[static_cast<std::size_t>(filter.conf->level)]->at(*filter.conf));
        if (refused_ != 0) return;
    }
    head_sent_ = true;
    log_at(LogLevel::debug, "answered with status {}", out_.status);
    stream_.send_head(*this);
}

// The handler has ended: what it meant to send is forgotten. 0 when it was not refused.
int Request::take_refusal() {
    if (refused_ == 0) return 0;
    const OutField* range = out_.fields.find(KnownHeader::content_range);
    const std::string_view content_range = range != nullptr ? range->value : std::string_view();
    out_.reset();
    if (!content_range.empty()) out_.fields.set(KnownHeader::content_range, content_range);
    body_filters_ = nullptr;
    return std::exchange(refused_, std::int16_t{0});
}

Flow Request::send(Chain&& chain, bool last) {
    send_head();
    if (last_sent_ || gone_ || refused_ != 0) {
        chain.clear();
        return Flow::open;
    }
    Chain through = std::move(chain);
    for (const BodyFilterEntry* at = body_filters_; at != nullptr; at = at->next) {
        at->filter(*this, through, last, at->state);
    }
    last_sent_ = last;
    return stream_.send_body(*this, through, last);
}

Verdict Request::reply(int status, std::string_view content_type, std::string_view body) {
    out_.status = status;
    out_.content_type = content_type;
    out_.content_length = body.size();
    Chain chain;
    if (!body.empty()) chain.append_text(arena(), body);
    send(std::move(chain), true);
    return Verdict::done();
}

void Request::end_when_client_leaves(bool on) noexcept {
    ends_with_client_ = on;
    // Its end came with what was read of it last: nothing else will tell.
    if (on && stream_.connection().peer_closed()) stream_.connection().poke();
}

void Request::on_gone() noexcept {
    gone_ = true;
    drained_.set();
}

void Request::on_complete() {
    if (logged_ || http_ == nullptr) return;
    logged_ = true;
    RequestCounters& counters = worker().row().requests;
    uncount(counters.active);
    counters.answered(out_.status, monotonic_us() - started_us_);
    PhaseEngine::log(*this);
}

void Request::on_handler_done() { PhaseEngine::resume(*this); }

// --- logging

Log& Request::log() const noexcept {
    if (location_ == nullptr) return cycle().log();
    const BlockLogConf& own = conf<BlockLogConf>();
    return own.log ? *own.log : cycle().log();
}

void Request::on_match_limit(std::string_view pattern) {
    log_at(LogLevel::error, "matching \"{}\" exceeded the limits of a match", pattern);
}

std::uint64_t Request::connection_number() const noexcept { return stream_.connection().number(); }

void Request::describe(LogFields& fields) const {
    fields.add("client", stream_.connection().peer().ip_text());
    if (server_ != nullptr) fields.add("server", server_->name());
    if (!bytes_.empty()) fields.add_quoted("request", request_line());
    if (!upstream_text_.empty()) fields.add_quoted("upstream", upstream_text_);
    if (!host_.name.empty()) fields.add_quoted("host", header(KnownHeader::host));
}

}  // namespace berth::http
