#include "lib/milter/filters.h"

#include "lib/base/strings.h"

namespace relais::milter {

Filters::Filters(const std::vector<FilterSettings>& filters, const MacroSettings* settings,
                 MacroSource* macros)
    : settings_(settings), source_(macros) {
    for (const auto& filter : filters) {
        filters_.push_back(std::make_unique<Filter>(filter));
    }
}

Filters::Filters(std::vector<std::unique_ptr<Filter>> filters, MacroSettings settings,
                 MacroSource* macros)
    : filters_(std::move(filters)),
      own_settings_(std::move(settings)),
      settings_(&own_settings_),
      source_(macros) {
}

Task<MacroValues> Filters::look_up(std::string names) {
    MacroValues values;
    for (const auto name : split_words(names, ", \t\r\n")) {
        const auto key = macro_key(name);
        auto value = co_await source_->macro(key);
        if (!value) {
            const auto other = settings_->defaults.find(key);
            if (other == settings_->defaults.end()) {
                continue;
            }
            value = other->second;
        }
        values.emplace_back(name, std::move(*value));
    }
    co_return values;
}

Task<MacroValues> Filters::values(const Filter* filter, StageMacros* macros) {
    const auto index = static_cast<std::size_t>(macros->stage);
    if (filter->options().macros) {
        co_return co_await look_up((*filter->options().macros)[index]);
    }
    if (!macros->common) {
        macros->common = co_await look_up(settings_->names[index]);
    }
    co_return *macros->common;
}

Task<Verdict> Filters::tell(Filter* filter, Event event, StageMacros* macros, std::string data) {
    const auto with = co_await values(filter, macros);
    co_return co_await filter->tell(event, std::move(data), make_macros(event, with));
}

Task<Verdict> Filters::tell_all(Event event, Stage stage, std::string data) {
    StageMacros macros(stage);
    for (const auto& filter : filters_) {
        auto verdict = co_await tell(filter.get(), event, &macros, data);
        if (!verdict.goes_on()) {
            co_return verdict;
        }
    }
    co_return Verdict();
}

static std::string word_data(const std::vector<std::string>& words) {
    std::string data;
    for (const auto& word : words) {
        append_text(data, word);
    }
    return data;
}

Task<Verdict> Filters::connect(Client client) {
    StageMacros macros(Stage::kConnect);
    const auto data = connect_data(client);
    for (const auto& filter : filters_) {
        co_await filter->connect(&settings_->names);
        auto verdict = co_await tell(filter.get(), Event::kConnect, &macros, data);
        if (!verdict.goes_on()) {
            co_return verdict;
        }
    }
    co_return Verdict();
}

Task<Verdict> Filters::helo(std::string name) {
    std::string data;
    append_text(data, name);
    co_return co_await tell_all(Event::kHelo, Stage::kHelo, std::move(data));
}

Task<Verdict> Filters::mail(std::vector<std::string> words) {
    co_return co_await tell_all(Event::kMail, Stage::kMail, word_data(words));
}

Task<Verdict> Filters::rcpt(std::vector<std::string> words) {
    co_return co_await tell_all(Event::kRcpt, Stage::kRcpt, word_data(words));
}

Task<void> Filters::rejected_rcpt(std::vector<std::string> words) {
    StageMacros macros(Stage::kRcpt);
    const auto data = word_data(words);
    for (const auto& filter : filters_) {
        if ((filter->options().events & kRejectedRecipients) == 0) {
            continue;
        }
        const auto verdict = co_await tell(filter.get(), Event::kRcpt, &macros, data);
        if (!verdict.goes_on()) {
            co_return;
        }
    }
}

Task<Verdict> Filters::data() {
    co_return co_await tell_all(Event::kData, Stage::kData, {});
}

Task<Verdict> Filters::unknown(std::string command) {
    std::string data;
    append_text(data, command);
    co_return co_await tell_all(Event::kUnknown, Stage::kUnknown, std::move(data));
}

Task<Verdict> Filters::message(Content* content, Editor* editor) {
    StageMacros headers(Stage::kEndOfHeaders);
    StageMacros body(Stage::kEndOfBody);
    for (const auto& filter : filters_) {
        Filter::MessageMacros macros;
        macros.headers = co_await values(filter.get(), &headers);
        macros.body = co_await values(filter.get(), &body);
        auto verdict = co_await filter->message(content, editor, std::move(macros));
        if (!verdict.goes_on()) {
            co_return verdict;
        }
    }
    co_return Verdict();
}

Verdict Filters::standing() const {
    for (const auto& filter : filters_) {
        if (!filter->standing().goes_on()) {
            return filter->standing();
        }
    }
    return {};
}

void Filters::abort() {
    for (const auto& filter : filters_) {
        filter->abort();
    }
}

Task<void> Filters::flush() {
    for (const auto& filter : filters_) {
        co_await filter->flush();
    }
}

Task<void> Filters::quit() {
    for (const auto& filter : filters_) {
        co_await filter->quit();
    }
}

}  // namespace relais::milter
