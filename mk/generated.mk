# Sources that are made: before any object is compiled.
GENERATED += $(BUILD)/gen/generated/parameters.stamp
$(BUILD)/gen/generated/parameters.stamp: conf/parameters.tsv mk/gen-parameters
	mk/gen-parameters conf/parameters.tsv $(@D)
$(BUILD)/gen/generated/parameters.h $(BUILD)/gen/generated/parameters.inc: $(BUILD)/gen/generated/parameters.stamp ;
