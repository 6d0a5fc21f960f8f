// Bodies and redirects made of configured text.
#include "modules/http/rewrite/answer.hpp"

#include "modules/http/files/mime_types.hpp"
#include "modules/http/protocol/status.hpp"
#include "modules/http/redirect.hpp"

namespace berth::http {

Verdict return_answer(Request& request, int status, const Value& text, bool has_text) {
    if (is_redirect(status)) return redirect_to(request, status, text.eval(request));
    if (!has_text && (status >= 400 || never_has_body(status))) return Verdict::reply(status);
    request.out().status = status;  // the text may ask for it
    return request.reply(status, content_type_of(request), text.eval(request));
}

}  // namespace berth::http
