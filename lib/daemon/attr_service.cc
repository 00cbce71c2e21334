#include "lib/daemon/attr_service.h"

#include "lib/config/config.h"
#include "lib/event/errors.h"

namespace relais {

Task<void> serve_attributes(Connection connection, std::string_view protocol, std::size_t longest,
                            AnswerAttributes answer) {
    Stream stream(std::move(connection.fd));
    stream.set_timeout(conf().ipc_timeout());
    AttrWriter hello;
    hello.string("protocol", protocol).end();
    stream.write(hello.bytes());
    try {
        for (;;) {
            auto request = co_await read_attributes(&stream, AttrEncoding::kNul, longest);
            if (!request) {
                break;
            }
            AttrWriter reply;
            bool answered = co_await answer(&*request, &reply);
            if (!answered) {
                break;
            }
            stream.write(reply.bytes());
        }
    } catch (const IoError&) {
        // The client has gone.
    } catch (const TimedOut&) {
    }
}

}  // namespace relais
