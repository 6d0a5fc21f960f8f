// The table of nginx's directives, grouped by the module they belong to.
#include "core/config/known_directives.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace berth {
namespace {

using namespace known;

// Names that share everything else; separated by blanks.
struct Group {
    std::string_view module;
    KnownBlocks where;
    Kind kind;
    Arity arity;
    bool repeatable;
    KnownBlocks opens;
    std::string_view names;
};

using Module = std::string_view;
using Names = std::string_view;

constexpr Group flags(Module module, KnownBlocks where, Names names) {
    return {module, where, Kind::flag, {1, 1}, false, 0, names};
}
constexpr Group once(Module module, KnownBlocks where, Names names, Arity arity = {1, kAnyNumber}) {
    return {module, where, Kind::text, arity, false, 0, names};
}
constexpr Group many(Module module, KnownBlocks where, Names names, Arity arity = {1, kAnyNumber}) {
    return {module, where, Kind::text, arity, true, 0, names};
}
constexpr Group bare(Module module, KnownBlocks where, Names names) {
    return {module, where, Kind::text, {0, 0}, false, 0, names};
}
constexpr Group block(Module module, KnownBlocks where, Names names, KnownBlocks opens, Arity arity,
                      bool repeatable) {
    return {module, where, Kind::block, arity, repeatable, opens, names};
}
constexpr Group data(Module module, KnownBlocks where, Names names, Arity arity) {
    return {module, where, Kind::data, arity, true, 0, names};
}

constexpr KnownBlocks hs = http | server;
constexpr KnownBlocks hsl = http | server | location;
constexpr KnownBlocks hsli = hsl | location_if;
constexpr KnownBlocks hsll = hsl | limit_except;
constexpr KnownBlocks ifs = server_if | location_if;
constexpr KnownBlocks ss = stream | stream_server;
constexpr KnownBlocks ms = mail | mail_server;
constexpr KnownBlocks ups = upstream | stream_upstream;

// Modules are in the order of nginx's manual.
constexpr Group kGroups[] = {
    // The program itself.
    many("core", kAny, "include", {1, 1}),
    flags("core", main, "daemon master_process"),
    once("core", main,
         "debug_points lock_file pcre_jit pid ssl_engine ssl_object_cache_inheritable timer_resolution "
         "user worker_cpu_affinity worker_priority worker_processes worker_rlimit_core "
         "worker_rlimit_nofile worker_shutdown_timeout working_directory"),
    many("core", main, "env load_module thread_pool"),
    many("core", main | hsl | ss | ms, "error_log"),
    block("core", main, "events", events, {0, 0}, false),
    flags("core", events, "accept_mutex multi_accept"),
    once("core", events, "accept_mutex_delay use worker_aio_requests worker_connections"),
    many("core", events, "debug_connection"),

    // http{}
    block("http", main, "http", http, {0, 0}, false),
    block("http", http, "server", server, {0, 0}, true),
    block("http", server | location, "location", location, {1, 2}, true),
    block("http", location, "limit_except", limit_except, {1, kAnyNumber}, true),
    data("http", hsl, "types", {0, 0}),
    bare("http", location, "internal"),
    flags("http", hsl,
          "absolute_redirect chunked_transfer_encoding client_body_in_single_buffer etag "
          "log_not_found log_subrequest msie_padding msie_refresh port_in_redirect "
          "recursive_error_pages reset_timedout_connection server_name_in_redirect tcp_nodelay tcp_nopush"),
    flags("http", hsli, "sendfile"),
    flags("http", hs, "ignore_invalid_headers merge_slashes underscores_in_headers"),
    flags("http", http, "http2 http3"),
    flags("http", server, "http2 http3"),
    once("http", hsl,
         "aio auth_delay client_body_buffer_size client_body_in_file_only client_body_temp_path "
         "client_body_timeout "
         "client_max_body_size default_type directio directio_alignment disable_symlinks early_hints "
         "if_modified_since keepalive_disable keepalive_min_timeout keepalive_requests keepalive_time "
         "keepalive_timeout lingering_close lingering_time lingering_timeout max_ranges open_file_cache "
         "open_file_cache_errors open_file_cache_min_uses open_file_cache_valid output_buffers "
         "postpone_output "
         "read_ahead resolver resolver_timeout satisfy send_lowat send_timeout sendfile_max_chunk "
         "server_tokens "
         "subrequest_output_buffer_size types_hash_bucket_size types_hash_max_size aio_write"),
    once("http", hsli, "root limit_rate limit_rate_after"),
    once("http", location, "alias"),
    once("http", hs,
         "client_header_buffer_size client_header_timeout connection_pool_size "
         "large_client_header_buffers max_headers request_pool_size"),
    once("http", http,
         "server_names_hash_bucket_size server_names_hash_max_size variables_hash_bucket_size "
         "variables_hash_max_size"),
    many("http", hsli, "error_page", {2, kAnyNumber}),
    many("http", server, "listen server_name"),
    once("http", server | location, "try_files", {2, kAnyNumber}),

    // http modules, by name
    many("http_access", hsll, "allow deny", {1, 1}),
    many("http", hsll | location_if, "access_log"),
    many("http", http, "log_format", {2, kAnyNumber}),
    once("http", hsl, "open_log_file_cache"),
    once("http_acme", http, "acme_shared_zone"),
    block("http_acme", http, "acme_issuer", kAny, {1, 1}, true),
    once("http_acme", server, "acme_certificate"),
    once("http_addition", hsl, "addition_types"),
    once("http_addition", location, "add_before_body add_after_body"),
    once("http_auth_basic", hsll, "auth_basic auth_basic_user_file"),
    once("http_auth_jwt", hsll,
         "auth_jwt auth_jwt_claim_set auth_jwt_header_set auth_jwt_key_cache auth_jwt_key_file "
         "auth_jwt_key_request auth_jwt_leeway auth_jwt_type"),
    many("http_auth_jwt", hsll, "auth_jwt_require"),
    once("http_auth_request", hsl, "auth_request"),
    many("http_auth_request", hsl, "auth_request_set", {2, 2}),
    flags("http_autoindex", hsl, "autoindex autoindex_exact_size autoindex_localtime"),
    once("http_autoindex", hsl, "autoindex_format"),
    once("http_browser", hsl, "ancient_browser_value modern_browser_value"),
    many("http_browser", hsl, "ancient_browser modern_browser"),
    once("http_charset", hsli, "charset"),
    flags("http_charset", hsli, "override_charset"),
    once("http_charset", hsli, "source_charset"),
    once("http_charset", hsl, "charset_types"),
    data("http_charset", http, "charset_map", {2, 2}),
    once("http_dav", hsl, "dav_access dav_methods min_delete_depth"),
    flags("http_dav", hsl, "create_full_put_path"),
    bare("http_empty_gif", location, "empty_gif"),
    bare("http_flv", location, "flv"),
    data("http_geo", http, "geo", {1, 2}),
    once("http_geoip", http, "geoip_country geoip_city geoip_org"),
    many("http_geoip", http, "geoip_proxy"),
    flags("http_geoip", http, "geoip_proxy_recursive"),
    flags("http_gunzip", hsl, "gunzip"),
    once("http_gunzip", hsl, "gunzip_buffers"),
    flags("http_gzip", hsli, "gzip"),
    flags("http_gzip", hsl, "gzip_vary"),
    once("http_gzip", hsl,
         "gzip_buffers gzip_comp_level gzip_disable gzip_hash gzip_http_version gzip_min_length "
         "gzip_no_buffer gzip_proxied gzip_types gzip_window"),
    once("http_gzip_static", hsl, "gzip_static"),
    once("http_brotli", hsli,
         "brotli brotli_buffers brotli_comp_level brotli_min_length brotli_static brotli_types "
         "brotli_window"),
    once("http_zstd", hsli, "zstd zstd_buffers zstd_comp_level zstd_min_length zstd_static zstd_types"),
    many("http_headers", hsli, "add_header add_trailer", {2, 3}),
    once("http_headers", hsl, "add_header_inherit add_trailer_inherit"),
    once("http_headers", hsli, "expires", {1, 2}),
    once("http_hls", hsl,
         "hls_buffers hls_forward_args hls_fragment hls_mp4_buffer_size hls_mp4_max_buffer_size"),
    bare("http_hls", location, "hls"),
    once("http_image_filter", hsl,
         "image_filter_buffer image_filter_jpeg_quality image_filter_sharpen "
         "image_filter_webp_quality"),
    many("http_image_filter", location, "image_filter"),
    flags("http_image_filter", hsl, "image_filter_interlace image_filter_transparency"),
    once("http_index", hsl, "index"),
    many("http_js", http | stream, "js_import js_path js_set js_preload_object js_var"),
    once("http_js", location, "js_content js_header_filter js_body_filter"),
    once("http_js", hsl | ss,
         "js_fetch_buffer_size js_fetch_ciphers js_fetch_keepalive js_fetch_max_response_buffer_size "
         "js_fetch_protocols js_fetch_timeout js_fetch_trusted_certificate js_fetch_verify_depth "
         "js_shared_dict_zone js_context_reuse js_engine"),
    flags("http_js", hsl | ss, "js_fetch_verify"),
    once("http_keyval", http | stream, "keyval_zone"),
    many("http_keyval", http | stream, "keyval"),
    many("http_limit_conn", hsl, "limit_conn", {2, 2}),
    many("http_limit_conn", http, "limit_conn_zone", {2, 2}),
    flags("http_limit_conn", hsl, "limit_conn_dry_run"),
    once("http_limit_conn", hsl, "limit_conn_log_level limit_conn_status"),
    many("http_limit_req", hsl, "limit_req"),
    many("http_limit_req", http, "limit_req_zone", {3, 4}),
    flags("http_limit_req", hsl, "limit_req_dry_run"),
    once("http_limit_req", hsl, "limit_req_log_level limit_req_status"),
    data("http_map", http, "map", {2, 2}),
    once("http_map", http, "map_hash_bucket_size map_hash_max_size"),
    once("http_memcached", location | location_if, "memcached_pass"),
    flags("http_memcached", hsl, "memcached_socket_keepalive"),
    once("http_memcached", hsl,
         "memcached_bind memcached_buffer_size memcached_connect_timeout memcached_gzip_flag "
         "memcached_next_upstream memcached_next_upstream_timeout "
         "memcached_next_upstream_tries memcached_read_timeout memcached_send_timeout"),
    many("http_mirror", hsl, "mirror"),
    flags("http_mirror", hsl, "mirror_request_body"),
    bare("http_mp4", location, "mp4"),
    once("http_mp4", hsl, "mp4_buffer_size mp4_limit_rate mp4_limit_rate_after mp4_max_buffer_size"),
    flags("http_mp4", hsl, "mp4_start_key_frame"),
    flags("http_otel", hsl, "otel_trace"),
    block("http_otel", http, "otel_exporter", kAny, {0, 0}, false),
    once("http_otel", http, "otel_service_name"),
    once("http_otel", hsl, "otel_span_name otel_trace_context"),
    many("http_otel", hsl, "otel_span_attr"),
    many("http_perl", http, "perl_modules perl_require perl_set"),
    once("http_perl", location | limit_except, "perl"),
    flags("http_random_index", location, "random_index"),
    many("http_realip", hsl, "set_real_ip_from", {1, 1}),
    once("http_realip", hsl, "real_ip_header"),
    flags("http_realip", hsl, "real_ip_recursive"),
    once("http_referer", server | location, "referer_hash_bucket_size referer_hash_max_size"),
    many("http_referer", server | location, "valid_referers"),
    bare("http_rewrite", server | location | ifs, "break"),
    block("http_rewrite", server, "if", server_if, {1, kAnyNumber}, true),
    block("http_rewrite", location, "if", location_if, {1, kAnyNumber}, true),
    once("http_rewrite", server | location | ifs, "return", {1, 2}),
    many("http_rewrite", server | location | ifs, "rewrite", {2, 3}),
    many("http_rewrite", server | location | ifs, "set", {2, 2}),
    flags("http_rewrite", hsl | ifs, "rewrite_log uninitialized_variable_warn"),
    once("http_secure_link", server | location, "secure_link secure_link_md5"),
    once("http_secure_link", location, "secure_link_secret"),
    once("http_session_log", http, "session_log_format session_log_zone"),
    once("http_session_log", hsl, "session_log"),
    once("http_slice", hsl, "slice"),
    data("http_split_clients", http, "split_clients", {2, 2}),
    flags("http_ssi", hsli, "ssi"),
    flags("http_ssi", hsl, "ssi_last_modified ssi_silent_errors"),
    once("http_ssi", hsl, "ssi_min_file_chunk ssi_types ssi_value_length"),
    flags("http_ssl", hs,
          "ssl ssl_prefer_server_ciphers ssl_reject_handshake ssl_session_tickets ssl_stapling "
          "ssl_stapling_verify ssl_early_data ssl_certificate_compression"),
    once("http_ssl", hs,
         "ssl_buffer_size ssl_certificate_cache ssl_ciphers ssl_client_certificate ssl_crl ssl_dhparam "
         "ssl_ecdh_curve "
         "ssl_ech_file ssl_ocsp ssl_ocsp_cache ssl_ocsp_responder ssl_password_file ssl_protocols "
         "ssl_session_cache "
         "ssl_session_timeout ssl_stapling_file ssl_stapling_responder ssl_trusted_certificate "
         "ssl_verify_client "
         "ssl_verify_depth"),
    many("http_ssl", hs, "ssl_certificate ssl_certificate_key ssl_conf_command ssl_session_ticket_key"),
    many("http_sub", hsl, "sub_filter", {2, 2}),
    flags("http_sub", hsl, "sub_filter_last_modified sub_filter_once"),
    once("http_sub", hsl, "sub_filter_types"),
    once("http_tunnel", location, "tunnel_pass", {0, 1}),
    once("http_userid", hsl,
         "userid userid_domain userid_expires userid_flags userid_mark userid_name userid_p3p "
         "userid_path userid_service"),
    once("http_v2", hs,
         "http2_body_preread_size http2_chunk_size http2_idle_timeout "
         "http2_max_concurrent_pushes http2_max_concurrent_streams http2_max_field_size "
         "http2_max_header_size http2_max_requests http2_recv_buffer_size http2_recv_timeout"),
    flags("http_v2", hsl, "http2_push_preload"),
    many("http_v2", hsl, "http2_push"),
    flags("http_v3", hs, "http3_hq quic_gso quic_retry"),
    once("http_v3", hs,
         "http3_max_concurrent_streams http3_stream_buffer_size quic_active_connection_id_limit "
         "quic_host_key"),
    flags("http_v3", main, "quic_bpf"),
    once("http_xslt", hsl, "xslt_types"),
    many("http_xslt", hsl, "xslt_param xslt_string_param"),
    many("http_xslt", location, "xslt_stylesheet"),
    once("http_xslt", hsl, "xml_entities"),
    flags("http_xslt", hsl, "xslt_last_modified"),
    once("http_api", location, "api status"),
    once("http_f4f", location, "f4f_buffer_size"),
    bare("http_f4f", location, "f4f"),
    once("mgmt", mgmt, "usage_report license_token enforce_initial_report state_path"),
    block("mgmt", main, "mgmt", mgmt, {0, 0}, false),

    // What a request is passed to.
    once("http_proxy", location | location_if | limit_except, "proxy_pass"),
    many("http_proxy", hsl, "proxy_redirect proxy_cookie_domain proxy_cookie_path proxy_cookie_flags"),
    many("http_proxy", hsl, "proxy_set_header", {2, 2}),
    flags("http_proxy", hsl,
          "proxy_buffering proxy_cache_background_update proxy_cache_convert_head proxy_cache_lock "
          "proxy_cache_revalidate proxy_force_ranges proxy_ignore_client_abort proxy_intercept_errors "
          "proxy_pass_request_body proxy_pass_request_headers proxy_pass_trailers proxy_request_buffering "
          "proxy_socket_keepalive proxy_ssl_server_name proxy_ssl_session_reuse proxy_ssl_verify "
          ""),
    once("http_proxy", hsl,
         "proxy_bind proxy_buffer_size proxy_buffers proxy_busy_buffers_size proxy_cache proxy_cache_key "
         "proxy_cache_lock_age proxy_cache_lock_timeout proxy_cache_max_range_offset proxy_cache_methods "
         "proxy_cache_min_uses proxy_cache_use_stale proxy_connect_timeout proxy_headers_hash_bucket_size "
         "proxy_headers_hash_max_size proxy_http_version proxy_ignore_headers proxy_limit_rate "
         "proxy_max_temp_file_size proxy_method proxy_next_upstream proxy_next_upstream_timeout "
         "proxy_next_upstream_tries proxy_read_timeout proxy_send_lowat proxy_send_timeout proxy_set_body "
         "proxy_ssl_alpn proxy_ssl_certificate proxy_ssl_certificate_cache proxy_ssl_certificate_key "
         "proxy_ssl_ciphers proxy_ssl_crl proxy_ssl_key_log proxy_ssl_name proxy_ssl_password_file "
         "proxy_ssl_protocols proxy_ssl_trusted_certificate proxy_ssl_verify_depth proxy_store "
         "proxy_store_access "
         "proxy_temp_file_write_size proxy_temp_path"),
    many("http_proxy", hsl,
         "proxy_cache_bypass proxy_cache_purge proxy_cache_valid proxy_hide_header proxy_no_cache "
         "proxy_pass_header proxy_ssl_conf_command"),
    many("http_proxy", http, "proxy_cache_path", {2, kAnyNumber}),

    once("http_fastcgi", location | location_if, "fastcgi_pass"),
    flags("http_fastcgi", hsl,
          "fastcgi_buffering fastcgi_cache_background_update fastcgi_cache_lock fastcgi_cache_revalidate "
          "fastcgi_force_ranges fastcgi_ignore_client_abort fastcgi_intercept_errors fastcgi_keep_conn "
          "fastcgi_pass_request_body fastcgi_pass_request_headers fastcgi_request_buffering "
          "fastcgi_socket_keepalive"),
    once("http_fastcgi", hsl,
         "fastcgi_bind fastcgi_buffer_size fastcgi_buffers fastcgi_busy_buffers_size fastcgi_cache "
         "fastcgi_cache_key "
         "fastcgi_cache_lock_age fastcgi_cache_lock_timeout fastcgi_cache_max_range_offset "
         "fastcgi_cache_methods "
         "fastcgi_cache_min_uses fastcgi_cache_use_stale fastcgi_catch_stderr fastcgi_connect_timeout "
         "fastcgi_ignore_headers fastcgi_index fastcgi_limit_rate fastcgi_max_temp_file_size "
         "fastcgi_next_upstream "
         "fastcgi_next_upstream_timeout fastcgi_next_upstream_tries fastcgi_read_timeout fastcgi_send_lowat "
         "fastcgi_send_timeout fastcgi_split_path_info fastcgi_store fastcgi_store_access "
         "fastcgi_temp_file_write_size fastcgi_temp_path"),
    many("http_fastcgi", hsl,
         "fastcgi_cache_bypass fastcgi_cache_purge fastcgi_cache_valid fastcgi_hide_header "
         "fastcgi_no_cache fastcgi_pass_header"),
    many("http_fastcgi", hsl, "fastcgi_param", {2, 3}),
    many("http_fastcgi", http, "fastcgi_cache_path", {2, kAnyNumber}),

    once("http_uwsgi", location | location_if, "uwsgi_pass"),
    flags(
        "http_uwsgi", hsl,
        "uwsgi_buffering uwsgi_cache_background_update uwsgi_cache_lock uwsgi_cache_revalidate "
        "uwsgi_force_ranges "
        "uwsgi_ignore_client_abort uwsgi_intercept_errors uwsgi_pass_request_body uwsgi_pass_request_headers "
        "uwsgi_request_buffering uwsgi_socket_keepalive uwsgi_ssl_server_name uwsgi_ssl_session_reuse "
        "uwsgi_ssl_verify"),
    once("http_uwsgi", hsl,
         "uwsgi_bind uwsgi_buffer_size uwsgi_buffers uwsgi_busy_buffers_size uwsgi_cache uwsgi_cache_key "
         "uwsgi_cache_lock_age uwsgi_cache_lock_timeout uwsgi_cache_max_range_offset uwsgi_cache_methods "
         "uwsgi_cache_min_uses uwsgi_cache_use_stale uwsgi_connect_timeout uwsgi_ignore_headers "
         "uwsgi_limit_rate "
         "uwsgi_max_temp_file_size uwsgi_modifier1 uwsgi_modifier2 uwsgi_next_upstream "
         "uwsgi_next_upstream_timeout "
         "uwsgi_next_upstream_tries uwsgi_read_timeout uwsgi_send_timeout uwsgi_ssl_certificate "
         "uwsgi_ssl_certificate_cache uwsgi_ssl_certificate_key uwsgi_ssl_ciphers uwsgi_ssl_crl "
         "uwsgi_ssl_key_log "
         "uwsgi_ssl_name uwsgi_ssl_password_file uwsgi_ssl_protocols uwsgi_ssl_trusted_certificate "
         "uwsgi_ssl_verify_depth uwsgi_store uwsgi_store_access uwsgi_temp_file_write_size uwsgi_temp_path"),
    many("http_uwsgi", hsl,
         "uwsgi_cache_bypass uwsgi_cache_purge uwsgi_cache_valid uwsgi_hide_header uwsgi_no_cache "
         "uwsgi_pass_header uwsgi_ssl_conf_command"),
    many("http_uwsgi", hsl, "uwsgi_param", {2, 3}),
    many("http_uwsgi", http, "uwsgi_cache_path", {2, kAnyNumber}),

    once("http_scgi", location | location_if, "scgi_pass"),
    flags(
        "http_scgi", hsl,
        "scgi_buffering scgi_cache_background_update scgi_cache_lock scgi_cache_revalidate scgi_force_ranges "
        "scgi_ignore_client_abort scgi_intercept_errors scgi_pass_request_body scgi_pass_request_headers "
        "scgi_request_buffering scgi_socket_keepalive"),
    once("http_scgi", hsl,
         "scgi_bind scgi_buffer_size scgi_buffers scgi_busy_buffers_size scgi_cache scgi_cache_key "
         "scgi_cache_lock_age scgi_cache_lock_timeout scgi_cache_max_range_offset scgi_cache_methods "
         "scgi_cache_min_uses scgi_cache_use_stale scgi_connect_timeout scgi_ignore_headers scgi_limit_rate "
         "scgi_max_temp_file_size scgi_next_upstream scgi_next_upstream_timeout scgi_next_upstream_tries "
         "scgi_read_timeout scgi_send_timeout scgi_store scgi_store_access scgi_temp_file_write_size "
         "scgi_temp_path"),
    many("http_scgi", hsl,
         "scgi_cache_bypass scgi_cache_purge scgi_cache_valid scgi_hide_header scgi_no_cache "
         "scgi_pass_header"),
    many("http_scgi", hsl, "scgi_param", {2, 3}),
    many("http_scgi", http, "scgi_cache_path", {2, kAnyNumber}),

    once("http_grpc", location | location_if, "grpc_pass"),
    many("http_grpc", hsl, "grpc_set_header", {2, 2}),
    flags("http_grpc", hsl,
          "grpc_intercept_errors grpc_socket_keepalive grpc_ssl_server_name grpc_ssl_session_reuse "
          "grpc_ssl_verify"),
    once("http_grpc", hsl,
         "grpc_bind grpc_buffer_size grpc_connect_timeout grpc_ignore_headers grpc_next_upstream "
         "grpc_next_upstream_timeout grpc_next_upstream_tries grpc_read_timeout grpc_send_timeout "
         "grpc_ssl_certificate grpc_ssl_certificate_cache grpc_ssl_certificate_key grpc_ssl_ciphers "
         "grpc_ssl_crl "
         "grpc_ssl_key_log grpc_ssl_name grpc_ssl_password_file grpc_ssl_protocols "
         "grpc_ssl_trusted_certificate "
         "grpc_ssl_verify_depth"),
    many("http_grpc", hsl, "grpc_hide_header grpc_pass_header grpc_ssl_conf_command"),

    // upstream{}, in http and stream
    block("http_upstream", http, "upstream", upstream, {1, 1}, true),
    block("stream_upstream", stream, "upstream", stream_upstream, {1, 1}, true),
    many("http_upstream", ups, "server"),
    once("http_upstream", ups, "hash least_time queue resolver resolver_timeout state zone"),
    once("http_upstream", ups, "random", {0, 2}),
    once("http_upstream", upstream, "keepalive keepalive_requests keepalive_time keepalive_timeout sticky"),
    bare("http_upstream", ups, "least_conn"),
    bare("http_upstream", upstream, "ip_hash ntlm"),
    once("http_upstream_hc", location, "health_check", {0, kAnyNumber}),
    block("http_upstream_hc", http | stream, "match", kAny, {1, 1}, true),

    // stream{}
    block("stream", main, "stream", stream, {0, 0}, false),
    block("stream", stream, "server", stream_server, {0, 0}, true),
    many("stream", stream_server, "listen server_name"),
    flags("stream", ss, "tcp_nodelay"),
    once("stream", ss,
         "preread_buffer_size preread_timeout proxy_protocol_timeout resolver resolver_timeout"),
    once("stream", stream,
         "variables_hash_bucket_size variables_hash_max_size server_names_hash_bucket_size "
         "server_names_hash_max_size map_hash_bucket_size map_hash_max_size"),
    many("stream_access", ss, "allow deny", {1, 1}),
    many("stream", ss, "access_log"),
    many("stream", stream, "log_format", {2, kAnyNumber}),
    once("stream", ss, "open_log_file_cache"),
    data("stream_geo", stream, "geo", {1, 2}),
    data("stream_map", stream, "map", {2, 2}),
    data("stream_split_clients", stream, "split_clients", {2, 2}),
    many("stream_limit_conn", ss, "limit_conn", {2, 2}),
    many("stream_limit_conn", stream, "limit_conn_zone", {2, 2}),
    flags("stream_limit_conn", ss, "limit_conn_dry_run"),
    once("stream_limit_conn", ss, "limit_conn_log_level"),
    once("stream_pass", stream_server, "pass"),
    once("stream", stream_server, "proxy_pass"),
    flags("stream", ss,
          "proxy_half_close proxy_next_upstream proxy_protocol proxy_socket_keepalive proxy_ssl "
          "proxy_ssl_server_name proxy_ssl_session_reuse proxy_ssl_verify"),
    once("stream", ss,
         "proxy_bind proxy_buffer_size proxy_connect_timeout proxy_download_rate "
         "proxy_next_upstream_timeout proxy_next_upstream_tries proxy_requests proxy_responses "
         "proxy_session_drop proxy_ssl_alpn proxy_ssl_certificate proxy_ssl_certificate_cache "
         "proxy_ssl_certificate_key proxy_ssl_ciphers proxy_ssl_crl proxy_ssl_key_log proxy_ssl_name "
         "proxy_ssl_password_file proxy_ssl_protocols proxy_ssl_trusted_certificate "
         "proxy_ssl_verify_depth proxy_timeout proxy_upload_rate"),
    many("stream_realip", ss, "set_real_ip_from", {1, 1}),
    once("stream_return", stream_server, "return"),
    many("stream_set", stream_server, "set", {2, 2}),
    flags("stream_ssl", ss,
          "ssl_prefer_server_ciphers ssl_reject_handshake ssl_session_tickets ssl_stapling "
          "ssl_stapling_verify ssl_certificate_compression"),
    once("stream_ssl", ss,
         "ssl_alpn ssl_certificate_cache ssl_ciphers ssl_client_certificate ssl_crl ssl_dhparam "
         "ssl_ecdh_curve ssl_ech_file ssl_handshake_timeout ssl_ocsp ssl_ocsp_cache "
         "ssl_ocsp_responder ssl_password_file ssl_protocols ssl_session_cache ssl_session_timeout "
         "ssl_stapling_file ssl_stapling_responder ssl_trusted_certificate ssl_verify_client "
         "ssl_verify_depth"),
    many("stream_ssl", ss, "ssl_certificate ssl_certificate_key ssl_conf_command ssl_session_ticket_key"),
    flags("stream_ssl_preread", ss, "ssl_preread"),
    flags("stream_mqtt_preread", ss, "mqtt_preread"),
    flags("stream_mqtt_filter", ss, "mqtt"),
    many("stream_mqtt_filter", ss, "mqtt_set_connect"),
    once("stream_mqtt_filter", ss, "mqtt_buffers mqtt_rewrite_buffer_size"),
    once("stream_js", ss, "js_access js_filter js_preread"),
    once("stream_zone_sync", stream_server,
         "zone_sync_buffers zone_sync_connect_retry_interval "
         "zone_sync_connect_timeout zone_sync_interval zone_sync_timeout "
         "zone_sync_recv_buffer_size"),
    many("stream_zone_sync", stream_server, "zone_sync_server"),
    bare("stream_zone_sync", stream_server, "zone_sync"),

    // mail{}
    block("mail", main, "mail", mail, {0, 0}, false),
    block("mail", mail, "server", mail_server, {0, 0}, true),
    many("mail", mail_server, "listen"),
    flags("mail", ms, "proxy_pass_error_message proxy_smtp_auth xclient proxy_protocol"),
    once("mail", ms,
         "auth_http auth_http_timeout imap_auth imap_capabilities imap_client_buffer max_errors "
         "max_commands pop3_auth pop3_capabilities protocol proxy proxy_buffer proxy_timeout resolver "
         "resolver_timeout server_name smtp_auth smtp_capabilities smtp_client_buffer "
         "smtp_greeting_delay starttls timeout"),
    flags("mail", ms, "auth_http_pass_client_cert"),
    many("mail", ms, "auth_http_header", {2, 2}),
    many("mail_realip", ms, "set_real_ip_from", {1, 1}),
    flags("mail_ssl", ms, "ssl ssl_prefer_server_ciphers ssl_session_tickets"),
    once("mail_ssl", ms,
         "ssl_ciphers ssl_client_certificate ssl_crl ssl_dhparam ssl_ecdh_curve ssl_password_file "
         "ssl_protocols ssl_session_cache ssl_session_timeout ssl_trusted_certificate "
         "ssl_verify_client ssl_verify_depth"),
    many("mail_ssl", ms, "ssl_certificate ssl_certificate_key ssl_conf_command ssl_session_ticket_key"),
    once("google_perftools", main, "google_perftools_profiles"),
};

std::vector<KnownDirective> spread() {
    std::vector<KnownDirective> all;
    for (const Group& group : kGroups) {
        Names names = group.names;
        while (!names.empty()) {
            const std::size_t blank = std::min(names.find(' '), names.size());
            all.push_back({names.substr(0, blank), group.module, group.where, group.kind, group.arity,
                           group.repeatable, group.opens});
            names.remove_prefix(std::min(blank + 1, names.size()));
        }
    }
    std::sort(all.begin(), all.end(), [](const KnownDirective& a, const KnownDirective& b) {
        return std::pair(a.name, a.contexts) < std::pair(b.name, b.contexts);
    });
    return all;
}

}  // namespace

std::span<const KnownDirective> known_directives() {
    static const std::vector<KnownDirective> all = spread();
    return all;
}

std::span<const KnownDirective> find_known(std::string_view name) {
    const auto all = known_directives();
    const auto less = [](const KnownDirective& entry, std::string_view wanted) {
        return entry.name < wanted;
    };
    const auto first = std::lower_bound(all.begin(), all.end(), name, less);
    auto last = first;
    while (last != all.end() && last->name == name) ++last;
    return {first, last};
}

}  // namespace berth
