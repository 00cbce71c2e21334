#include "tools/postmap/message_keys.h"

#include <cstdio>

#include "lib/config/config.h"
#include "lib/mail/mime_parser.h"
#include "lib/maps/build/key_input.h"

namespace relais {

namespace {

class KeySink : public MimeSink {
  public:
    KeySink(const TableTool& tool, const MessageKeys& keys) : tool_(tool), keys_(keys) {}

    void header(HeaderContext /*context*/, const HeaderInfo* /*info*/, std::string text) override {
        if (keys_.headers) {
            ask(text);
        }
    }

    void end_of_headers(HeaderContext /*context*/) override {}

    void body(std::string_view line, LinePart /*part*/) override {
        if (keys_.body) {
            ask(line);
        }
    }

    bool found() const { return found_; }

  private:
    void ask(std::string_view key) {
        if (auto value = tool_.find(tables_, key)) {
            tool_.print(key, *value);
            found_ = true;
        }
    }

    const TableTool& tool_;
    const MessageKeys& keys_;
    TableTool::OpenTables tables_;
    bool found_ = false;
};

}  // namespace

int query_message(const TableTool& tool, const MessageKeys& keys) {
    KeySink sink(tool, keys);
    MimeOptions options;
    options.structure =
        keys.mime ? MimeOptions::Structure::kFollow : MimeOptions::Structure::kIgnore;
    options.header_limit = static_cast<std::size_t>(conf().header_size_limit());
    MimeParser parser(options, sink);
    KeyInput input([] { std::fflush(stdout); }, [] {});
    for (std::string_view line; input.next(line);) {
        parser.line(line);
    }
    parser.finish();
    return sink.found() ? 0 : 1;
}

}  // namespace relais
