"""The raw tables of the closed world: true, undisputed facts that a person can check without a key.

One line per entity, columns split by `|`; `-` leaves a fact out because its answer is disputed, ambiguous or
changing (two capitals, two continents, several main languages). The tables know nothing about questions or answers.
"""

# name | capital | continent | currency | main language
COUNTRIES = """
France | Paris | Europe | euro | French
Germany | Berlin | Europe | euro | German
Italy | Rome | Europe | euro | Italian
Spain | Madrid | Europe | euro | Spanish
Portugal | Lisbon | Europe | euro | Portuguese
the Netherlands | Amsterdam | Europe | euro | Dutch
Belgium | Brussels | Europe | euro | -
Austria | Vienna | Europe | euro | German
Switzerland | Bern | Europe | franc | -
Ireland | Dublin | Europe | euro | English
the United Kingdom | London | Europe | pound | English
Iceland | Reykjavik | Europe | krona | Icelandic
Norway | Oslo | Europe | krone | Norwegian
Sweden | Stockholm | Europe | krona | Swedish
Denmark | Copenhagen | Europe | krone | Danish
Finland | Helsinki | Europe | euro | Finnish
Estonia | Tallinn | Europe | euro | Estonian
Latvia | Riga | Europe | euro | Latvian
Lithuania | Vilnius | Europe | euro | Lithuanian
Poland | Warsaw | Europe | zloty | Polish
Czechia | Prague | Europe | koruna | Czech
Slovakia | Bratislava | Europe | euro | Slovak
Hungary | Budapest | Europe | forint | Hungarian
Romania | Bucharest | Europe | leu | Romanian
Bulgaria | Sofia | Europe | - | Bulgarian
Greece | Athens | Europe | euro | Greek
Albania | Tirana | Europe | lek | Albanian
Serbia | Belgrade | Europe | dinar | Serbian
Croatia | Zagreb | Europe | euro | Croatian
Slovenia | Ljubljana | Europe | euro | Slovenian
North Macedonia | Skopje | Europe | denar | Macedonian
Ukraine | Kyiv | Europe | hryvnia | Ukrainian
Russia | Moscow | - | ruble | Russian
Turkey | Ankara | - | lira | Turkish
Georgia | Tbilisi | - | lari | Georgian
Armenia | Yerevan | - | dram | Armenian
China | Beijing | Asia | yuan | Chinese
Japan | Tokyo | Asia | yen | Japanese
South Korea | Seoul | Asia | won | Korean
North Korea | Pyongyang | Asia | won | Korean
Mongolia | Ulaanbaatar | Asia | tugrik | Mongolian
India | New Delhi | Asia | rupee | -
Pakistan | Islamabad | Asia | rupee | -
Bangladesh | Dhaka | Asia | taka | Bengali
Nepal | Kathmandu | Asia | rupee | Nepali
Sri Lanka | - | Asia | rupee | -
Thailand | Bangkok | Asia | baht | Thai
Vietnam | Hanoi | Asia | dong | Vietnamese
Cambodia | Phnom Penh | Asia | riel | Khmer
Malaysia | Kuala Lumpur | Asia | ringgit | Malay
Indonesia | - | Asia | rupiah | Indonesian
the Philippines | Manila | Asia | peso | -
Iran | Tehran | Asia | - | Persian
Iraq | Baghdad | Asia | dinar | Arabic
Saudi Arabia | Riyadh | Asia | riyal | Arabic
Jordan | Amman | Asia | dinar | Arabic
Lebanon | Beirut | Asia | pound | Arabic
Syria | Damascus | Asia | pound | Arabic
Qatar | Doha | Asia | riyal | Arabic
the United Arab Emirates | Abu Dhabi | Asia | dirham | Arabic
Afghanistan | Kabul | Asia | afghani | -
Israel | - | Asia | shekel | Hebrew
Egypt | Cairo | Africa | pound | Arabic
Morocco | Rabat | Africa | dirham | Arabic
Algeria | Algiers | Africa | dinar | Arabic
Tunisia | Tunis | Africa | dinar | Arabic
Libya | Tripoli | Africa | dinar | Arabic
Sudan | Khartoum | Africa | pound | Arabic
Ethiopia | Addis Ababa | Africa | birr | -
Kenya | Nairobi | Africa | shilling | -
Uganda | Kampala | Africa | shilling | -
Tanzania | Dodoma | Africa | shilling | -
Somalia | Mogadishu | Africa | shilling | Somali
Nigeria | Abuja | Africa | naira | -
Ghana | Accra | Africa | cedi | -
Senegal | Dakar | Africa | franc | -
Angola | Luanda | Africa | kwanza | Portuguese
Mozambique | Maputo | Africa | metical | Portuguese
Madagascar | Antananarivo | Africa | ariary | Malagasy
South Africa | - | Africa | rand | -
the United States | Washington | North America | dollar | English
Canada | Ottawa | North America | dollar | -
Mexico | Mexico City | North America | peso | Spanish
Cuba | Havana | North America | peso | Spanish
Jamaica | Kingston | North America | dollar | English
Haiti | Port-au-Prince | North America | gourde | -
Guatemala | Guatemala City | North America | quetzal | Spanish
Costa Rica | San Jose | North America | colon | Spanish
Colombia | Bogota | South America | peso | Spanish
Venezuela | Caracas | South America | bolivar | Spanish
Ecuador | Quito | South America | dollar | Spanish
Peru | Lima | South America | sol | Spanish
Brazil | Brasilia | South America | real | Portuguese
Bolivia | - | South America | boliviano | -
Paraguay | Asuncion | South America | guarani | -
Uruguay | Montevideo | South America | peso | Spanish
Argentina | Buenos Aires | South America | peso | Spanish
Chile | Santiago | South America | peso | Spanish
Australia | Canberra | - | dollar | English
New Zealand | Wellington | Oceania | dollar | English
Fiji | Suva | Oceania | dollar | -
"""

# name | symbol | atomic number | state at room temperature
ELEMENTS = """
hydrogen | H | 1 | gas
helium | He | 2 | gas
lithium | Li | 3 | solid
beryllium | Be | 4 | -
boron | B | 5 | -
carbon | C | 6 | solid
nitrogen | N | 7 | gas
oxygen | O | 8 | gas
fluorine | F | 9 | gas
neon | Ne | 10 | gas
sodium | Na | 11 | solid
magnesium | Mg | 12 | solid
aluminium | Al | 13 | solid
silicon | Si | 14 | solid
phosphorus | P | 15 | -
sulfur | S | 16 | solid
chlorine | Cl | 17 | gas
argon | Ar | 18 | gas
potassium | K | 19 | solid
calcium | Ca | 20 | solid
titanium | Ti | 22 | solid
chromium | Cr | 24 | -
manganese | Mn | 25 | -
iron | Fe | 26 | solid
cobalt | Co | 27 | -
nickel | Ni | 28 | solid
copper | Cu | 29 | solid
zinc | Zn | 30 | solid
bromine | Br | 35 | liquid
krypton | Kr | 36 | gas
strontium | Sr | 38 | -
zirconium | Zr | 40 | -
palladium | Pd | 46 | -
silver | Ag | 47 | solid
cadmium | Cd | 48 | -
tin | Sn | 50 | solid
antimony | Sb | 51 | -
xenon | Xe | 54 | gas
barium | Ba | 56 | -
tungsten | W | 74 | solid
platinum | Pt | 78 | solid
gold | Au | 79 | solid
mercury | Hg | 80 | liquid
lead | Pb | 82 | solid
bismuth | Bi | 83 | -
radon | Rn | 86 | gas
radium | Ra | 88 | -
uranium | U | 92 | solid
plutonium | Pu | 94 | solid
"""

# name | plural | kind of animal | mainly eats | legs | name of the young
ANIMALS = """
cow | cows | mammal | plants | four | calf
horse | horses | mammal | plants | four | foal
sheep | sheep | mammal | plants | four | lamb
goat | goats | mammal | plants | four | kid
pig | pigs | mammal | plants and meat | four | piglet
dog | dogs | mammal | - | four | puppy
cat | cats | mammal | meat | four | kitten
rabbit | rabbits | mammal | plants | four | -
lion | lions | mammal | meat | four | cub
tiger | tigers | mammal | meat | four | cub
wolf | wolves | mammal | meat | four | pup
elephant | elephants | mammal | plants | four | calf
giraffe | giraffes | mammal | plants | four | calf
zebra | zebras | mammal | plants | four | foal
deer | deer | mammal | plants | four | fawn
kangaroo | kangaroos | mammal | plants | - | joey
koala | koalas | mammal | plants | four | joey
camel | camels | mammal | plants | four | calf
whale | whales | mammal | - | no | calf
dolphin | dolphins | mammal | fish | no | calf
otter | otters | mammal | - | four | pup
hedgehog | hedgehogs | mammal | insects | four | hoglet
mouse | mice | mammal | - | four | pup
bat | bats | mammal | - | - | pup
duck | ducks | bird | - | two | duckling
goose | geese | bird | plants | two | gosling
chicken | chickens | bird | - | two | chick
swan | swans | bird | plants | two | cygnet
eagle | eagles | bird | meat | two | eaglet
owl | owls | bird | meat | two | owlet
penguin | penguins | bird | fish | two | chick
ostrich | ostriches | bird | - | two | chick
parrot | parrots | bird | - | two | chick
frog | frogs | amphibian | insects | four | tadpole
toad | toads | amphibian | insects | four | tadpole
newt | newts | amphibian | - | four | -
salamander | salamanders | amphibian | - | four | -
snake | snakes | reptile | meat | no | -
crocodile | crocodiles | reptile | meat | four | -
lizard | lizards | reptile | - | four | -
turtle | turtles | reptile | - | four | -
shark | sharks | fish | - | no | pup
salmon | salmon | fish | - | no | -
trout | trout | fish | - | no | -
eel | eels | fish | - | no | -
bee | bees | insect | - | six | -
ant | ants | insect | - | six | -
butterfly | butterflies | insect | - | six | caterpillar
moth | moths | insect | - | six | caterpillar
beetle | beetles | insect | - | six | -
grasshopper | grasshoppers | insect | plants | six | -
mosquito | mosquitoes | insect | - | six | -
spider | spiders | arachnid | insects | eight | spiderling
scorpion | scorpions | arachnid | - | eight | -
lobster | lobsters | crustacean | - | ten | -
"""

# name | place counted from the sun | type | moons | next planet outwards
PLANETS = """
Mercury | first | rocky planet | no moons | Venus
Venus | second | rocky planet | no moons | Earth
Earth | third | rocky planet | one moon | Mars
Mars | fourth | rocky planet | two moons | Jupiter
Jupiter | fifth | gas giant | - | Saturn
Saturn | sixth | gas giant | - | Uranus
Uranus | seventh | ice giant | - | Neptune
Neptune | eighth | ice giant | - | -
"""

# whole | parts | how many of the parts are in the whole
UNITS = """
a minute | seconds | 60
an hour | minutes | 60
a day | hours | 24
a week | days | 7
a fortnight | days | 14
a year | months | 12
a decade | years | 10
a century | years | 100
a millennium | years | 1000
a century | decades | 10
a centimetre | millimetres | 10
a metre | centimetres | 100
a metre | millimetres | 1000
a kilometre | metres | 1000
a gram | milligrams | 1000
a kilogram | grams | 1000
a tonne | kilograms | 1000
a litre | millilitres | 1000
a foot | inches | 12
a yard | feet | 3
a yard | inches | 36
a mile | feet | 5280
a mile | yards | 1760
a dozen | items | 12
a byte | bits | 8
a right angle | degrees | 90
a full circle | degrees | 360
a triangle | sides | 3
a square | sides | 4
a pentagon | sides | 5
a hexagon | sides | 6
an octagon | sides | 8
a cube | faces | 6
a dollar | cents | 100
"""

# Other spellings and names that mean the same answer or entity when a text is read (never written by the world).
ALIASES = {
    "aluminum": "aluminium",
    "sulphur": "sulfur",
    "washington dc": "washington",
    "washington d c": "washington",
    "bogotá": "bogota",
    "brasília": "brasilia",
    "asunción": "asuncion",
    "san josé": "san jose",
    "kiev": "kyiv",
    "mandarin": "chinese",
    "farsi": "persian",
    "rouble": "ruble",
    "slovene": "slovenian",
    "renminbi": "yuan",
    "central america": "north america",
    "usa": "united states",
    "united states of america": "united states",
    "uk": "united kingdom",
    "great britain": "united kingdom",
    "britain": "united kingdom",
    "holland": "netherlands",
    "uae": "united arab emirates",
    "czech republic": "czechia",
    "türkiye": "turkey",
    "centimetres": "centimetre",
    "centimeters": "centimetre",
    "centimeter": "centimetre",
    "cm": "centimetre",
    "cms": "centimetre",
    "millimetres": "millimetre",
    "millimeters": "millimetre",
    "millimeter": "millimetre",
    "mm": "millimetre",
    "mms": "millimetre",
    "kilometres": "kilometre",
    "kilometers": "kilometre",
    "kilometer": "kilometre",
    "km": "kilometre",
    "kms": "kilometre",
    "metres": "metre",
    "meters": "metre",
    "meter": "metre",
    "millilitres": "millilitre",
    "milliliters": "millilitre",
    "milliliter": "millilitre",
    "litres": "litre",
    "liters": "litre",
    "liter": "litre",
    "kilograms": "kilogram",
    "kg": "kilogram",
    "kgs": "kilogram",
    "metric ton": "tonne",
    "herbivore": "plants",
    "carnivore": "meat",
    "omnivore": "plants and meat",
    "mammals": "mammal",
    "birds": "bird",
    "reptiles": "reptile",
    "amphibians": "amphibian",
    "arachnids": "arachnid",
    "crustaceans": "crustacean",
    "zero": "no",
}
