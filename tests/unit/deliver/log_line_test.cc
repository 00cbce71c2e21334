#include "lib/deliver/log_line.h"

#include "tests/support/catch.h"

using namespace relais;

TEST_CASE("deliver/log_line: delays have two digits that say something") {
    auto shown = [](long seconds, long micros) { return format_delay({seconds, micros}, 2, 2); };
    CHECK(shown(0, 0) == "0");
    CHECK(shown(0, 4999) == "0");
    CHECK(shown(0, 5000) == "0.01");
    CHECK(shown(0, 10000) == "0.01");
    CHECK(shown(0, 996000) == "1");
    CHECK(shown(0, 100000) == "0.1");
    CHECK(shown(0, 123456) == "0.12");
    CHECK(shown(2, 149999) == "2.1");
    CHECK(shown(2, 0) == "2");
    CHECK(shown(9, 960000) == "10");
    CHECK(shown(12, 600000) == "13");
    CHECK(shown(498, 100000) == "498");
    CHECK(format_delay({0, 1234}, 2, 6) == "0.0012");
}

TEST_CASE("deliver/log_line: the fields in Postfix's order") {
    DeliveryEvent event;
    event.queue_id = "B24FBA9A11B";
    event.recipient.address = "x@remote.test";
    event.relay = "127.0.0.2[127.0.0.2]:3625";
    event.times.incoming_arrival = {1000, 0};
    event.times.active_arrival = {1000, 10000};
    event.times.agent_handoff = {1000, 30000};
    event.times.connection_done = {1000, 70000};
    event.status = DeliveryStatus::of(DsnCode(2, 0, 0), "250 2.0.0 Ok");
    CHECK(delivery_log_line(event, "sent", {1002, 70000}, {}) ==
          "B24FBA9A11B: to=<x@remote.test>, relay=127.0.0.2[127.0.0.2]:3625, delay=2.1, "
          "delays=0.01/0.02/0.04/2, dsn=2.0.0, status=sent (250 2.0.0 Ok)");

    event.recipient.original = "y@remote.test";
    event.times.reuse_count = 1;
    event.times.connection_done = {};
    event.times.delivery_done = {1000, 30000};
    CHECK(delivery_log_line(event, "sent", {1009, 0}, {}) ==
          "B24FBA9A11B: to=<x@remote.test>, orig_to=<y@remote.test>, "
          "relay=127.0.0.2[127.0.0.2]:3625, conn_use=2, delay=0.03, delays=0.01/0.02/0/0, "
          "dsn=2.0.0, status=sent (250 2.0.0 Ok)");

    event.recipient.address = "a..b@remote.test";
    CHECK(delivery_log_line(event, "sent", {1009, 0}, {}).find("to=<\"a..b\"@remote.test>,") !=
          std::string::npos);
    LogLineStyle internal;
    internal.quoted = false;
    CHECK(delivery_log_line(event, "sent", {1009, 0}, internal).find("to=<a..b@remote.test>,") !=
          std::string::npos);
}
