// ProxyRequest: the HTTP/1 side of proxying: how a request is written and an answer is read.
#pragma once

#include "modules/http/protocol/chunked.hpp"
#include "modules/http/protocol/response_parser.hpp"
#include "modules/http/proxy/conf.hpp"
#include "modules/http/upstream/protocol.hpp"

namespace berth::http {

class HeadWriter;

// Where a request goes, as its URL says; a state of the request ($proxy_host, $proxy_port).
struct ProxyNames {
    std::string_view host_port;
    std::string_view port;
    std::string_view uri;  // with its arguments
};

class ProxyRequest final : public UpstreamProtocol {
 public:
    // `pass` says where; `conf` everything else.
    ProxyRequest(Request& request, const ProxyConf& conf, const ProxyPass& pass, const ProxyNames& names);

    bool write_request(Request& request, SentBody body, Chain& out) override;
    void frame_body(Request& request, std::string_view piece, Chain& out) override;
    bool can_stream(const Request& request) const override;
    void begin() override;
    HeadStep read_head(Request& request, std::string_view bytes) override;
    const AnswerHead& head() const override { return head_; }
    BodyStep read_body(std::string_view bytes) override;
    bool complete_at_end() const override { return framing_.kind == ResponseFraming::Kind::until_close; }
    bool reusable() const override;
    std::string_view trailers() const override { return chunks_.trailers(); }
    std::string_view rewrite(Request& request, KnownHeader id, std::string_view value) override;

 private:
    void write_own_fields(Request& request, HeadWriter& head);
    void write_connection(Request& request, HeadWriter& head);
    void write_client_fields(Request& request, HeadWriter& head);
    bool write_framing(Request& request, SentBody body, HeadWriter& head, std::string_view& text);
    std::string_view asked_protocol(Request& request) const;

    const ProxyConf& conf_;
    const ProxyPass& pass_;
    const ProxyNames& names_;
    std::string_view method_;
    std::string_view upgrade_;  // the protocol that is asked for; empty: none
    bool says_close_ = false;
    bool interim_ = false;
    Method sent_method_ = Method::other;
    ResponseParser parser_;
    AnswerHead head_;
    ResponseFraming framing_;
    std::uint64_t left_ = 0;  // of a Content-Length
    ChunkedDecoder chunks_{true};
};

// What the request's URI is to the backend of `pass`, as its URL says; with arguments. In the arena or the
// request.
std::string_view proxied_uri(Request& request, const ProxyPass& pass, std::string_view pass_uri);

// proxy_redirect and proxy_cookie_…; the value itself when nothing applies.
std::string_view rewrite_location(Request& request, const ProxyConf& conf, const ProxyPass& pass,
                                  std::string_view value);
std::string_view rewrite_refresh(Request& request, const ProxyConf& conf, const ProxyPass& pass,
                                 std::string_view value);
std::string_view rewrite_cookie(Request& request, const ProxyConf& conf, std::string_view value);

}  // namespace berth::http
