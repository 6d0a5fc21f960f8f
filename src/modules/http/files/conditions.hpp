// What a request's conditions and ranges come to for the response in out(): asked by handlers before they
// send a head, and by the filters for everybody else.
#pragma once

namespace berth::http {

class Request;

// For a handler about to send a whole 200: 412 when a precondition failed, 416 when no range lies within the
// body (Content-Range is set then), else 0. The filters would find the same, but only after the file was
// opened for sending.
int refusal_by_conditions(Request& request);

// Whether If-Match or If-Unmodified-Since forbid the response. (http_not_modified)
bool precondition_failed(const Request& request);
// Whether Range asks for what is not there; sets Content-Range then. (http_range)
bool range_refused(Request& request);

// For header filters: whatever the handler sends as a body goes nowhere.
void drop_body(Request& request);

}  // namespace berth::http
