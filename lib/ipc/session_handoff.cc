#include "lib/ipc/session_handoff.h"

namespace relais {

std::string SessionHandoff::serialize() const {
    AttrWriter writer;
    writer.string("cookie", cookie)
        .number("client_pid", client_pid)
        .number("request", request)
        .string("tag", tag)
        .data("input", input)
        .string("remote_address", remote_address)
        .string("local_address", local_address)
        .number("secured", secured ? 1 : 0)
        .end();
    return writer.take();
}

Result<SessionHandoff> SessionHandoff::parse(const Attributes& attributes) {
    AttrReader reader(attributes);
    SessionHandoff handoff;
    handoff.cookie = reader.string("cookie");
    handoff.client_pid = reader.number("client_pid");
    handoff.request = reader.number("request");
    handoff.tag = reader.string("tag");
    handoff.input = reader.data("input");
    handoff.remote_address = reader.string("remote_address");
    handoff.local_address = reader.string("local_address");
    handoff.secured = reader.number("secured") != 0;
    if (reader.failed()) {
        return fail(Errc::kSyntax, reader.error());
    }
    return handoff;
}

std::string handoff_answer(HandoffStatus status, std::string_view reason) {
    return AttrWriter()
        .number("status", static_cast<int>(status))
        .string("reason", reason)
        .end()
        .take();
}

Task<Result<void>> send_handoff(Stream* stream, int fd, std::string list) {
    // The descriptor first: it travels with a byte of its own, which plain reading would swallow.
    co_await stream->send_fd(fd);
    stream->write(list);
    co_await stream->flush();
    auto answer = co_await read_attributes(stream);
    if (!answer) {
        co_return fail_with(answer);
    }
    AttrReader reader(*answer);
    int status = reader.signed_number("status");
    std::string reason = reader.string("reason");
    if (reader.failed()) {
        co_return fail(Errc::kSyntax, reader.error());
    }
    if (status != static_cast<int>(HandoffStatus::kTaken)) {
        bool many = status == static_cast<int>(HandoffStatus::kTooMany);
        co_return fail(many ? Errc::kTemporary : Errc::kDenied, reason);
    }
    co_return Result<void>();
}

}  // namespace relais
