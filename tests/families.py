"""Networks that stand for all of the catalog, where all would take minutes."""

# The smallest of each family; the others differ from it in numbers.
SMALLEST = {
    "convnexttiny",
    "densenet121",
    "efficientnet-lite0",
    "efficientnetb0",
    "efficientnetv2b0",
    "inceptionresnetv2",
    "inceptionv3",
    "mobilenet-0.25",
    "mobilenetv2-0.35",
    "mobilenetv3small",
    "nasnetmobile",
    "resnet50",
    "resnet50v2",
    "vgg16",
    "xception",
}
