use super::Cue::*;
use super::Phrases;

pub(super) const PHRASES: Phrases = Phrases {
    cues: &[
        (ChangeOrder, "cancel _ order | change _ order | order _ cancel* | modify _ order"),
        (Return, "return my | return an | return this | return something | return it | refund*"),
        (
            Return,
            "to return | bring _ back | send _ back | give _ back | exchange it | exchange this",
        ),
        (Order, "my order | order number | order status | status of _ order | track* _ order"),
        (Order, "^ order ? $ | the order ? | our order | my delivery | my package | my parcel"),
        (
            WhoAreYou,
            "who are you | what are you $ | are you _ robot | are you _ bot | are you human",
        ),
        (
            WhoAreYou,
            "are you real | are you an ai | your name | who am i talking to | are you _ person",
        ),
        (Person, "talk to _ person | speak to _ person | real person | human | an employee"),
        (Person, "talk to somebody | talk to someone | speak to someone | speak with someone"),
        (Person, "somebody help me | someone help me | call somebody | call someone | get someone"),
        (Person, "talk to _ staff | speak to _ staff | call _ staff | a colleague | an associate"),
        (Person, "speak to _ manager | talk to _ manager | the manager | store manager"),
        (
            Person,
            "speak with _ person | talk with _ person | a sales assistant | need an assistant",
        ),
        (
            CanDo,
            "what can you do | what can i ask | how can you help | what do you know | ^ help $",
        ),
        (
            Other,
            "something else | anything else like | else _ like that | alternative* | substitute*",
        ),
        (
            Other,
            "instead of it | instead of that | instead $ | similar | another brand | other brand*",
        ),
        (Other, "another one | other ones | any others | other options | replace*"),
        (
            Cheaper,
            "something cheaper | anything cheaper | a cheaper one | cheaper ones | one cheaper",
        ),
        (Cheaper, "cheaper alternative* | cheaper option* | less expensive one | too expensive"),
        (Cheaper, "something less expensive | anything less expensive | ^ cheaper $"),
        (
            Goes,
            "goes _ with | go _ with | pair* _ with | serve _ with | eat _ with | use _ with it",
        ),
        (Goes, "what else do i need | goes well"),
        (Diet, "i am vegan | i m vegan | i am vegetarian | i m vegetarian | i am _ allergic"),
        (Diet, "i m _ allergic | i am celiac | i m celiac | i am coeliac | i m coeliac"),
        (
            Diet,
            "i have _ allergy | i am _ intolerant | i m _ intolerant | i don t eat @ | i can t eat @",
        ),
        (Diet, "i cannot eat @ | i can t have @ | i eat gluten free | i eat halal | i eat kosher"),
        (Thanks, "^ thank* | ^ ok thank* | ^ great thank* | ^ cheers | ^ perfect $ | ^ great $"),
        (Bye, "^ bye | goodbye | ^ see you | that s all | that is all | have a nice day"),
        (Greeting, "^ hi $ | ^ hello $ | ^ hey $ | ^ hi there $ | ^ hello there $ | ^ hey there $"),
        (
            Greeting,
            "^ good morning $ | ^ good afternoon $ | ^ good evening $ | ^ hi can you help me $",
        ),
        (Greeting, "^ hello can you help me $ | ^ hi how are you $ | ^ how are you $"),
        (
            Instructions,
            "ignore _ instruction* | ignore _ rule* | forget _ instruction* | forget _ rule* | jailbreak*",
        ),
        (
            Instructions,
            "disregard _ instruction* | system prompt | your prompt | your instructions | you are now",
        ),
        (Instructions, "pretend to be | pretend you | developer mode | ignore everything"),
        (Health, "healthy | healthier | unhealthy | has a cold | have a cold $ | have a cold what"),
        (Health, "sore throat | headache* | stomach ache | fever | a cough | the flu | diabet*"),
        (Health, "pregnan* | blood pressure | cholesterol | lose weight | losing weight | remedy"),
        (Health, "medicine for | good against | helps against | migraine* | for my health"),
        (
            Elsewhere,
            "weather | tell/know/hear _ joke | jokes | something funny | politic* | election* | president",
        ),
        (
            Elsewhere,
            "write/code _ poem/program/script/code/essay | python | javascript | capital of",
        ),
        (
            Elsewhere,
            "who won | football | soccer | the news | translate | meaning of life | bitcoin",
        ),
        (Idea, "gift for | a gift | present for | a present | recommend* | suggest* | any idea*"),
        (
            Idea,
            "some ideas | an idea | ideas for | recipe* | ingredients for | inspire* | surprise*",
        ),
        (
            Idea,
            "what should/can/could/shall i/we _ cook/make/bake/serve/bring/eat/prepare/grill/drink/buy",
        ),
        (
            Idea,
            "what to cook/make/bake/serve/bring/eat/prepare/grill | what do i/we/you need for/to",
        ),
        (Idea, "i/we need for | something/anything for a/an/the/my/our | for movie night"),
        (
            Idea,
            "something/anything nice/sweet/special/quick/tasty/savory/savoury/light/warm/easy/refreshing",
        ),
        (
            Idea,
            "good for a/an | for a/an/the/our _ picnic/party/barbecue/bbq/birthday/breakfast/brunch/dinner",
        ),
        (Idea, "movie night | would be good/nice for/with | what _ good for/with"),
        (Yes, "^ yes | ^ yeah | ^ yep | ^ sure | ^ please do | ^ ok $ | ^ okay $ | ^ please $"),
        (No, "^ no $ | ^ no thank* | ^ nope | ^ not now | ^ no no"),
    ],
    going_on: "and | and what about | what about | and how about | how about | ok and | okay and | \
        also | and also | so | ok so | ok | okay | oh and | but | and then",
    pointing: "it its this that these those they them one ones",
    definite: "the",
    idle: "something anything else other another similar instead like alternative alternatives \
        option options please ok okay well same also too just really maybe then still even \
        choice choices kind sort any some take want like would d ll me i need number no yes",
    ordinals: ["first 1st", "second 2nd", "third 3rd", "fourth 4th", "fifth 5th", "last"],
};
