#include "lib/imap/append_parser.h"

#include "lib/imap/dates.h"

namespace relais::imap {

using Kind = AppendStep::Kind;

AppendStep AppendParser::next() {
    switch (state_) {
        case State::kMessage:
            return begin();
        case State::kData:
            return data();
        case State::kInList:
            return list_item();
        case State::kUtf8End:
            if (!scanner_.accept(')')) {
                return {};
            }
            break;
        case State::kAfterData:
            break;
    }
    return end();
}

AppendStep AppendParser::end() {
    state_ = State::kMessage;
    AppendStep step;
    step.kind = Kind::kEnd;
    return step;
}

AppendStep AppendParser::begin() {
    AppendStep step;
    if (count_ > 0 && scanner_.at_end()) {
        step.kind = Kind::kDone;
        return step;
    }
    if ((count_ > 0 && messages_ == Messages::kOne) || !scanner_.space()) {
        return {};
    }
    if (scanner_.peek() == '(') {
        step.flags = scanner_.flag_list(Scanner::Parentheses::kNeeded);
        if (!step.flags || !scanner_.space()) {
            return {};
        }
    }
    if (scanner_.peek() == '"') {
        auto text = scanner_.string();
        step.date = text ? parse_internal_date(*text) : std::nullopt;
        if (!step.date || !scanner_.space()) {
            return {};
        }
    }
    ++count_;
    state_ = State::kData;
    step.kind = Kind::kBegin;
    return step;
}

// A literal at the end of what there is of the command.
AppendStep AppendParser::literal() {
    AppendStep step;
    step.binary = scanner_.accept('~');
    if (scanner_.peek() != '{') {
        return {};
    }
    step.kind = Kind::kText;
    return step;
}

AppendStep AppendParser::data() {
    if (scanner_.accept_word("CATENATE")) {
        if (!scanner_.space() || !scanner_.accept('(')) {
            return {};
        }
        state_ = State::kInList;
        first_part_ = true;
        return list_item();
    }
    if (scanner_.accept_word("UTF8")) {
        if (!scanner_.space() || !scanner_.accept('(')) {
            return {};
        }
        state_ = State::kUtf8End;
        AppendStep step = literal();
        step.binary = false;
        return step;
    }
    state_ = State::kAfterData;
    return literal();
}

// RFC 4469 5: cat-part
AppendStep AppendParser::list_item() {
    if (!first_part_ && scanner_.accept(')')) {
        return end();
    }
    if (!first_part_ && !scanner_.space()) {
        return {};
    }
    first_part_ = false;
    AppendStep step;
    if (scanner_.accept_word("TEXT")) {
        step = scanner_.space() ? literal() : AppendStep();
        step.binary = false;  // a piece of a message is stored as it is
        return step;
    }
    if (!scanner_.accept_word("URL") || !scanner_.space()) {
        return {};
    }
    if (scanner_.peek() == '{') {
        step.kind = Kind::kUrlLiteral;
        return step;
    }
    auto url = scanner_.astring();
    if (!url) {
        return {};
    }
    step.kind = Kind::kUrl;
    step.url = std::move(*url);
    return step;
}

}  // namespace relais::imap
