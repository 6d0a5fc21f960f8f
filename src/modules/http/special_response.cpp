// error_page, and the pages the server has itself.
#include "modules/http/special_response.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "core/config/rows.hpp"
#include "core/text/number.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/core_conf.hpp"
#include "modules/http/protocol/status.hpp"
#include "modules/http/redirect.hpp"
#include "modules/http/request.hpp"
#include "modules/http/server_field.hpp"

namespace berth::http {

namespace {

using namespace rows;

constexpr int kCloseWithoutAnswer = 444;
constexpr int kHeadTooLarge = 431;

// One code of one `error_page`.
struct ErrorPage {
    int status = 0;
    int overwrite = -1;  // =CODE; 0: "=", the status of the page itself; -1: the error's own
    Value target;        // a URI, a URL, or @name
};

struct ErrorConf {
    Setting<std::vector<ErrorPage>> pages;
    Setting<bool> recursive{false};
};

bool read_status(std::string_view text, int& status) {
    std::optional<std::uint64_t> value = parse_unsigned(text, 599);
    if (!value || *value < 300) return false;
    status = static_cast<int>(*value);
    return true;
}

// error_page CODE... [=[CODE]] TARGET
void take_error_page(Loader& loader, const Node& node, Setting<std::vector<ErrorPage>>& setting) {
    std::size_t codes = node.args.size() - 1;
    int overwrite = -1;
    if (const std::string& last = node.args[codes - 1].text; last.starts_with('=')) {
        --codes;
        std::optional<std::uint64_t> code = last.size() == 1 ? 0 : parse_unsigned(last.substr(1), 999);
        if (!code || (last.size() > 1 && *code < 200)) {
            loader.error(node.args[codes].at, "invalid status \"" + last + "\" in \"error_page\"",
                         "write =CODE from 200 to 999, or = for the page's own");
            return;
        }
        overwrite = static_cast<int>(*code);
    }
    if (codes == 0) {
        loader.error(node.at, "error_page names no status", "as in: error_page 404 /404.html");
        return;
    }
    const Value target = loader.compile(node.args.back());
    for (std::size_t i = 0; i < codes; ++i) {
        ErrorPage page{0, overwrite, target};
        if (!read_status(node.args[i].text, page.status)) {
            loader.error(node.args[i].at, "invalid status \"" + node.args[i].text + "\" in \"error_page\"",
                         "a status from 300 to 599 is expected");
            continue;
        }
        setting.edit().push_back(page);
    }
}

bool closes_connection(int status) {
    switch (status) {
        case 400:
        case 408:
        case 413:
        case 414:
        case kHeadTooLarge:
        case 500:
        case 501:
        case 505: return true;
        default: return false;
    }
}

const ErrorPage* find_page(const ErrorConf& conf, int status) {
    auto found = std::ranges::find(*conf.pages, status, &ErrorPage::status);
    return found != conf.pages->end() ? &*found : nullptr;
}

// The page could not be reached: the answer says so, whatever status it was meant for. Returns false.
bool give_up(Request& request) {
    request.force_status(0);
    request.out().fields.remove(KnownHeader::location);
    send_status_page(request, 500);
    return false;
}

// True when the phases go on; false when the answer is complete.
bool go_to(Request& request, const ErrorPage& page, int status) {
    const std::string_view target = page.target.eval(request);
    request.force_status(0);  // of an error page before this one
    if (page.overwrite > 0) status = page.overwrite;
    if (target.starts_with('@')) {
        const Location* named = request.server().root.inner.named(target);
        if (named == nullptr) {
            request.log_at(LogLevel::error, "could not find named location \"{}\"", target);
            return give_up(request);
        }
        if (page.overwrite != 0) request.force_status(status);
        return request.jump(*named) || give_up(request);
    }
    if (!target.starts_with('/')) {
        request.out().fields.set(KnownHeader::location, absolute_location(request, target));
        send_status_page(request, is_redirect(status) ? status : 302);
        return false;
    }
    if (page.overwrite != 0) request.force_status(status);
    request.become_get();
    const std::size_t question = target.find('?');
    const std::string_view args = question == target.npos ? std::string_view() : target.substr(question + 1);
    return request.redirect(target.substr(0, question), args) || give_up(request);
}

// The page of a redirect leads where the redirect does.
void reset_but_location(Response& out, bool keep) {
    const OutField* field = keep ? out.fields.find(KnownHeader::location) : nullptr;
    const std::string_view location = field != nullptr ? field->value : std::string_view();
    out.reset();
    if (!location.empty()) out.fields.add(KnownHeader::location, location);
}

std::string_view page_text(Request& request, int status) {
    const std::string_view reason = reason_phrase(status);
    std::string text = "<!doctype html>\n<html lang=\"en\">\n<head><title>";
    const std::string title = std::to_string(status) + (reason.empty() ? "" : " ") + std::string(reason);
    text += title + "</title></head>\n<body>\n<h1>" + title + "</h1>\n<hr>\n<p>";
    text += server_label(*request.conf<LocationConf>().server_tokens);
    text += "</p>\n</body>\n</html>\n";
    return request.arena().copy(text);
}

}  // namespace

bool has_error_page(const Request& request, int status) {
    const ErrorConf& conf = request.conf<ErrorConf>();
    return (!request.in_error_page() || *conf.recursive) && find_page(conf, status) != nullptr;
}

void send_status_page(Request& request, int status) {
    if (closes_connection(status)) request.stream().close_after();
    if (never_has_body(status)) {
        request.reply(status, {}, {});
        return;
    }
    request.reply(status, "text/html", page_text(request, status));
}

bool send_special_response(Request& request, int status) {
    if (status == kCloseWithoutAnswer || request.head_sent()) {
        request.out().status = request.head_sent() ? request.out().status : status;
        request.stream().reset(request);
        return false;
    }
    if (closes_connection(status)) request.stream().close_after();
    const ErrorConf& conf = request.conf<ErrorConf>();
    if (has_error_page(request, status)) {
        const ErrorPage& page = *find_page(conf, status);
        request.mark_error_page();
        reset_but_location(request.out(), is_redirect(status));
        return go_to(request, page, status);
    }
    // What an access handler wants the client to know stays: WWW-Authenticate, Allow, Retry-After.
    request.force_status(0);
    request.out().accept_ranges = false;
    request.out().etag = {};
    request.out().last_modified.reset();
    request.out().reason = {};
    request.out().charset = {};
    request.out().trailer_count = 0;
    request.out().fields.remove(KnownHeader::content_encoding);
    if (status != 416) request.out().fields.remove(KnownHeader::content_range);
    if (!is_redirect(status)) request.out().fields.remove(KnownHeader::location);
    send_status_page(request, status);
    return false;
}

namespace {

constexpr Directive directives[] = {
    repeatable(custom<&ErrorConf::pages, take_error_page>(
        "error_page", in_http | in_if, {2, kAnyNumber}, "CODE… [=[CODE]] URI",
        "What answers instead of the built-in page: a URI of this server, a URL to redirect to, or a named "
        "location. "
        "=CODE changes the status; = alone takes the page's own. Codes like 302 mean redirects that this "
        "server "
        "makes; their Location stays.")),
    flag<&ErrorConf::recursive>("recursive_error_pages", in_http,
                                "Whether an error while an error page is made leads to an error page again."),
};

}  // namespace

}  // namespace berth::http

namespace berth {

extern const Module http_error_page = {
    .name = "http_error_page",
    .directives = http::directives,
    .location = conf_of<http::ErrorConf>(),
};

}  // namespace berth
