#include "lib/milter/handover.h"

#include <algorithm>
#include <array>

#include "lib/base/log.h"
#include "lib/event/errors.h"
#include "lib/ipc/attr.h"
#include "lib/queue/record.h"

namespace relais::milter {
namespace {

constexpr std::uint64_t kMaxFilters = 1000;

// In the order of Stage.
constexpr std::array<std::string_view, kStages> kListNames = {
    "conn_macros", "helo_macros", "mail_macros", "rcpt_macros",
    "data_macros", "eoh_macros",  "eod_macros",  "unk_macros"};

void put_names(AttrWriter& out, const MacroNames& names) {
    for (std::size_t i = 0; i < kStages; ++i) {
        out.string(kListNames[i], names[i]);
    }
}

MacroNames take_names(AttrReader& in) {
    MacroNames names;
    for (std::size_t i = 0; i < kStages; ++i) {
        names[i] = in.string(kListNames[i]);
    }
    return names;
}

void put_filter(AttrWriter& out, const Filter& filter) {
    const auto& settings = filter.settings();
    const auto& options = filter.options();
    out.string("milter_name", settings.name)
        .number("milter_version", options.version)
        .number("milter_actions", options.actions)
        .number("milter_events", options.events)
        .number("milter_non_events", filter.missing_events())
        .number("milter_state", static_cast<int>(filter.state()))
        .number("milter_conn_timeout", settings.connect_timeout.count())
        .number("milter_cmd_timeout", settings.command_timeout.count())
        .number("milter_msg_timeout", settings.content_timeout.count())
        .string("milter_action", settings.default_action)
        .number("milter_macro_list", options.macros ? 1 : 0);
    if (options.macros) {
        put_names(out, *options.macros);
    }
    out.end();
}

Filter::Handed take_filter(AttrReader& in) {
    Filter::Handed handed;
    handed.settings.name = in.string("milter_name");
    handed.options.version = in.number("milter_version");
    handed.options.actions = in.number("milter_actions");
    handed.options.events = in.number("milter_events");
    handed.missing_events = in.number("milter_non_events");
    const auto state = in.number("milter_state");
    handed.settings.connect_timeout = std::chrono::seconds(in.number("milter_conn_timeout"));
    handed.settings.command_timeout = std::chrono::seconds(in.number("milter_cmd_timeout"));
    handed.settings.content_timeout = std::chrono::seconds(in.number("milter_msg_timeout"));
    handed.settings.default_action = in.string("milter_action");
    if (in.number("milter_macro_list") != 0) {
        handed.options.macros = take_names(in);
    }
    // No other state is handed over; one that was would be no reason to tell the filter anything.
    handed.state = state == static_cast<int>(State::kEnvelope) ? State::kEnvelope : State::kError;
    return handed;
}

// The macros and their defaults, in front of the first filter.
MacroSettings take_settings(AttrReader& in, const Attributes& attributes) {
    MacroSettings settings;
    settings.names = take_names(in);
    auto count = in.number("size");
    auto at = std::ranges::find(attributes, "size", &Attributes::value_type::first);
    if (at != attributes.end()) {
        ++at;
    }
    for (; count > 0 && at != attributes.end(); --count, ++at) {
        settings.defaults[macro_key(at->first)] = at->second;
    }
    return settings;
}

Task<bool> pass_one(Stream* stream, Filter* filter, std::string_view before) {
    AttrWriter out;
    put_filter(out, *filter);
    stream->write(before);
    stream->write(out.bytes());
    // The descriptor must not come while the other side may read bytes, and no bytes while it waits
    // for the descriptor: it says when, twice.
    const auto ready = co_await read_attributes(stream);
    if (!ready) {
        co_return false;
    }
    co_await stream->send_fd(filter->socket());
    filter->lend();
    const auto received = co_await read_attributes(stream);
    co_return received.has_value();
}

Task<bool> pass_all(Stream* stream, const Filters* filters, std::vector<Filter*> active) {
    AttrWriter macros;
    put_names(macros, filters->settings().names);
    const auto& defaults = filters->settings().defaults;
    macros.number("size", static_cast<std::int64_t>(defaults.size()));
    if (!defaults.empty()) {
        macros.hash({defaults.begin(), defaults.end()});
    }
    std::string_view before = macros.bytes();
    for (auto* filter : active) {
        const bool passed = co_await pass_one(stream, filter, before);
        if (!passed) {
            co_return false;
        }
        before = {};
    }
    const auto answer = co_await read_attributes(stream);
    if (!answer) {
        co_return false;
    }
    AttrReader in(*answer);
    const auto status = in.number("status");
    co_return !in.failed() && status == 0;
}

std::string count_record(std::size_t count) {
    std::string record;
    append_record(record, Rec::kMilters, std::to_string(count));
    return record;
}

}  // namespace

std::string no_filters_record() {
    return count_record(0);
}

Task<bool> hand_over(Stream* stream, const Filters* filters) {
    std::vector<Filter*> active;
    for (const auto& filter : filters->list()) {
        if (filter->is_active()) {
            co_await filter->flush();
        }
        if (filter->is_active()) {
            active.push_back(filter.get());
        }
    }
    stream->write(count_record(active.size()));
    if (active.empty()) {
        co_return true;
    }
    bool passed = false;
    try {
        passed = co_await pass_all(stream, filters, std::move(active));
    } catch (const IoError&) {
        // Told below.
    } catch (const TimedOut&) {
    }
    if (!passed) {
        log_warning("cannot send milters to service cleanup");
    }
    co_return passed;
}

Task<Result<std::unique_ptr<Filters>>> take_over(Stream* stream, std::uint64_t count,
                                                 MacroSource* macros) {
    MacroSettings settings;
    std::vector<std::unique_ptr<Filter>> filters;
    if (count > kMaxFilters) {
        co_return fail(Errc::kTooLarge, "too many milters");
    }
    for (std::uint64_t i = 0; i < count; ++i) {
        auto attributes = co_await read_attributes(stream);
        if (!attributes) {
            co_return fail_with(attributes);
        }
        AttrReader in(*attributes);
        if (i == 0) {
            settings = take_settings(in, *attributes);
        }
        auto handed = take_filter(in);
        if (in.failed()) {
            co_return fail(Errc::kCorrupt, in.error());
        }
        stream->write(AttrWriter().string("dummy", "").end().bytes());
        handed.socket = co_await stream->receive_fd();
        stream->write(AttrWriter().string("dummy", "").end().bytes());
        filters.push_back(std::make_unique<Filter>(std::move(handed)));
    }
    if (count > 0) {
        stream->write(AttrWriter().number("status", 0).end().bytes());
    }
    co_return std::make_unique<Filters>(std::move(filters), std::move(settings), macros);
}

}  // namespace relais::milter
